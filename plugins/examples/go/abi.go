package main

// The canonical ABI by hand: how the values of the contract lie in memory, and the functions on both sides.
//
// The gateway sees addresses and the collector does not see the gateway: what either of them was handed is kept in
// `handed` until the next call begins.

import "unsafe"

// ---- memory

var handed []unsafe.Pointer

// keep holds on to memory that only the gateway will ask for.
func keep[T any](value *T) *T {
	handed = append(handed, unsafe.Pointer(value))
	return value
}

// forget begins a call that brings nothing in memory with it.
func forget() {
	clear(handed)
	handed = handed[:0]
}

// How the gateway asks for room for what it hands over. Words, so that any alignment of the contract is met.
//
//go:wasmexport cabi_realloc
func reallocate(old unsafe.Pointer, oldSize, align, size uint32) unsafe.Pointer {
	words := make([]uint64, size/8+1)
	fresh := unsafe.Pointer(keep(&words[0]))
	if old != nil {
		copy(unsafe.Slice((*byte)(fresh), size), unsafe.Slice((*byte)(old), oldSize))
	}
	return fresh
}

// ---- values

// address is a pointer as the gateway reads it: 32 bits, where those of the language have 64.
type address uint32

func addressOf[T any](value *T) address {
	return address(uintptr(unsafe.Pointer(keep(value))))
}

// bytes is a `string` or a `list<u8>`.
type bytes struct {
	at     address
	length uint32
}

func handOver(text string) bytes {
	if text == "" {
		return bytes{}
	}
	return bytes{addressOf(unsafe.StringData(text)), uint32(len(text))}
}

// received is memory of the gateway's making, as text; it is never written again.
func (b bytes) received() string {
	return unsafe.String((*byte)(unsafe.Add(unsafe.Pointer(nil), b.at)), b.length)
}

// list is a `list` of records.
type list[T any] struct {
	at     address
	length uint32
}

func listOf[T any](elements ...T) list[T] {
	if len(elements) == 0 {
		return list[T]{}
	}
	return list[T]{addressOf(&elements[0]), uint32(len(elements))}
}

type field struct{ name, value bytes }

// edit is its case and the payload; of a removal, the name alone.
type edit struct {
	tag uint32
	field
}

func set(name, value string) edit {
	return edit{0, field{handOver(name), handOver(value)}}
}

func remove(name string) edit {
	return edit{2, field{name: handOver(name)}}
}

type problem struct{ path, message bytes }

// configured is `result<_, list<problem>>`.
type configured struct {
	failed   uint32
	problems list[problem]
}

// forward is that case of a decision; `option<u64>` puts everything on multiples of 8.
type forward struct {
	tag         uint64
	request     list[edit]
	response    list[edit]
	hasConsumer uint64
	consumer    uint64
	hasTarget   uint32
	target      bytes
}

// respond is that case of a decision, as long as the longer one.
type respond struct {
	tag     uint64
	status  uint32
	headers list[field]
	body    bytes
	_       [28]byte
}

func answer(status uint32, name, value, body string) unsafe.Pointer {
	header := field{handOver(name), handOver(value)}
	return unsafe.Pointer(keep(&respond{tag: 1, status: status, headers: listOf(header), body: handOver(body)}))
}

// ---- what the gateway lends

//go:wasmimport tidegate:gateway/http@0.1.0 [method]request.path
func requestPath(request uint32, path unsafe.Pointer)

//go:wasmimport tidegate:gateway/http@0.1.0 [method]request.sole-header
func requestSoleHeader(request uint32, name unsafe.Pointer, nameLength uint32, value unsafe.Pointer)

//go:wasmimport tidegate:gateway/http@0.1.0 [resource-drop]request
func dropRequest(request uint32)

//go:wasmimport tidegate:gateway/consumers@0.1.0 find-by-key
func findByKeyOf(key address, keyLength uint32, consumer unsafe.Pointer)

// path is that of a request.
func path(request uint32) string {
	result := new(bytes)
	requestPath(request, unsafe.Pointer(result))
	return result.received()
}

// soleHeader is the one value of a field; false where there is none, or several that differ.
func soleHeader(request uint32, name string) (bytes, bool) {
	result := new(struct {
		failed uint32
		value  bytes
	})
	requestSoleHeader(request, unsafe.Pointer(unsafe.StringData(name)), uint32(len(name)), unsafe.Pointer(result))
	return result.value, uint8(result.failed) == 0
}

// findByKey is the consumer that owns a key.
func findByKey(key bytes) (uint64, bool) {
	result := new(struct {
		some uint64
		id   uint64
	})
	findByKeyOf(key.at, key.length, unsafe.Pointer(result))
	return result.id, uint8(result.some) == 1
}
