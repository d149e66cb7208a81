// Lets requests with a known API key pass: the example policy that stands beside this one in five more languages.
package main

import (
	"encoding/json"
	"slices"
	"unsafe"
)

type settings struct {
	header, tag, mark, public string
}

var current = settings{header: "apikey", tag: "x-gate", mark: "go", public: "/health"}

//go:wasmexport tidegate:gateway/configuration@0.1.0#configure
func configure(text unsafe.Pointer, length uint32) unsafe.Pointer {
	found := current.read(unsafe.Slice((*byte)(text), length))
	result := keep(&configured{problems: listOf(found...)})
	if len(found) > 0 {
		result.failed = 1
	}
	return unsafe.Pointer(result)
}

//go:wasmexport tidegate:gateway/request-policy@0.1.0#on-request
func onRequest(request uint32) unsafe.Pointer {
	forget()
	// Handed back before the call ends: it was borrowed.
	defer dropRequest(request)
	if path(request) == current.public {
		return answer(200, "content-type", "text/plain", "ok\n")
	}
	if key, sole := soleHeader(request, current.header); sole {
		if consumer, known := findByKey(key); known {
			return admit(consumer)
		}
	}
	return answer(401, "www-authenticate", "ApiKey", "{\"error\":\"no key\"}\n")
}

func admit(consumer uint64) unsafe.Pointer {
	return unsafe.Pointer(keep(&forward{
		request:     listOf(remove(current.header), set(current.tag, current.mark)),
		response:    listOf(set("x-policy", "key-gate")),
		hasConsumer: 1,
		consumer:    consumer,
	}))
}

// read takes the configuration over and returns everything that is wrong with it.
func (s *settings) read(text []byte) []problem {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(text, &given); err != nil {
		return []problem{{message: handOver("must be an object of strings")}}
	}
	places := map[string]*string{"header": &s.header, "tag": &s.tag, "mark": &s.mark, "public": &s.public}
	var found []problem
	for _, key := range sorted(given) {
		if place, known := places[key]; !known {
			found = append(found, problem{handOver(key), handOver("unknown key; the keys are header, tag, mark, public")})
		} else if given[key][0] != '"' || json.Unmarshal(given[key], place) != nil {
			found = append(found, problem{handOver(key), handOver("must be a string")})
		}
	}
	return found
}

func sorted(given map[string]json.RawMessage) []string {
	keys := make([]string, 0, len(given))
	for key := range given {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// A library has no start of its own.
func main() {}
