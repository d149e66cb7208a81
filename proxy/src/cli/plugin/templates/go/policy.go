// Lets requests with a known API key pass.
package main

import (
	"encoding/json"
	"unsafe"
)

// What an operator may write under `config`.
type settings struct {
	header string
}

var current = settings{header: "apikey"}

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
	if key, sole := soleHeader(request, current.header); sole {
		if consumer, known := findByKey(key); known {
			return admit(consumer)
		}
	}
	return answer(401, "www-authenticate", "ApiKey", "")
}

func admit(consumer uint64) unsafe.Pointer {
	return unsafe.Pointer(keep(&forward{
		request:     listOf(remove(current.header)),
		hasConsumer: 1,
		consumer:    consumer,
	}))
}

// read takes the configuration over and returns everything that is wrong with it.
func (s *settings) read(text []byte) []problem {
	var given map[string]string
	if err := json.Unmarshal(text, &given); err != nil {
		return []problem{{message: handOver("must be an object of strings")}}
	}
	var found []problem
	for key, value := range given {
		if key == "header" {
			s.header = value
		} else {
			found = append(found, problem{handOver(key), handOver("unknown key")})
		}
	}
	return found
}

// A library has no start of its own.
func main() {}
