// Lets requests with a known API key pass: the example policy that stands beside this one in five more languages.
//
// What a function returns is freed by the generated code once the gateway has read it, so that all of it is on the heap.
#include <stdlib.h>
#include <string.h>

#include "generated/gate.h"
#include "settings.h"

// ---- values of the contract

static gate_string_t copy(gate_string_t text) {
  gate_string_t result;
  gate_string_dup_n(&result, (const char *)text.ptr, text.len);
  return result;
}

static gate_string_t literal(const char *text) {
  return (gate_string_t){(uint8_t *)text, strlen(text)};
}

static gate_list_u8_t bytes(gate_string_t text) {
  gate_string_t copied = copy(text);
  return (gate_list_u8_t){copied.ptr, copied.len};
}

static void *allocate(size_t count, size_t size) {
  void *result = calloc(count, size);
  if (!result) abort();
  return result;
}

static types_field_t field(gate_string_t name, gate_string_t value) {
  return (types_field_t){copy(name), bytes(value)};
}

static types_edit_t set_field(gate_string_t name, gate_string_t value) {
  return (types_edit_t){.tag = TYPES_EDIT_SET, .val.set = field(name, value)};
}

static types_edit_t remove_field(gate_string_t name) {
  return (types_edit_t){.tag = TYPES_EDIT_REMOVE, .val.remove = copy(name)};
}

// ---- decisions

static void answer(exports_request_policy_decision_t *decision, uint16_t status, types_field_t header, const char *body) {
  decision->tag = EXPORTS_REQUEST_POLICY_DECISION_RESPOND;
  types_local_response_t *response = &decision->val.respond;
  response->status = status;
  response->headers.len = 1;
  response->headers.ptr = allocate(1, sizeof header);
  response->headers.ptr[0] = header;
  response->body = bytes(literal(body));
}

static void admit(exports_request_policy_decision_t *decision, types_consumer_id_t consumer) {
  decision->tag = EXPORTS_REQUEST_POLICY_DECISION_FORWARD;
  exports_request_policy_forward_t *forward = &decision->val.forward;
  forward->request.len = 2;
  forward->request.ptr = allocate(2, sizeof(types_edit_t));
  forward->request.ptr[0] = remove_field(setting(HEADER));
  forward->request.ptr[1] = set_field(setting(TAG), setting(MARK));
  forward->response.len = 1;
  forward->response.ptr = allocate(1, sizeof(types_edit_t));
  forward->response.ptr[0] = set_field(literal("x-policy"), literal("key-gate"));
  forward->consumer.is_some = true;
  forward->consumer.val = consumer;
  forward->target.is_some = false;
}

static bool is_public(http_borrow_request_t request) {
  gate_string_t path, public = setting(PUBLIC);
  http_method_request_path(request, &path);
  bool same = path.len == public.len && memcmp(path.ptr, public.ptr, path.len) == 0;
  gate_string_free(&path);
  return same;
}

static bool identify(http_borrow_request_t request, types_consumer_id_t *consumer) {
  gate_list_u8_t key;
  http_ambiguity_t ambiguity;
  gate_string_t header = setting(HEADER);
  if (!http_method_request_sole_header(request, &header, &key, &ambiguity)) return false;
  bool known = consumers_find_by_key(&key, consumer);
  gate_list_u8_free(&key);
  return known;
}

// ---- what the gateway calls

bool exports_configuration_configure(gate_string_t *text, exports_configuration_list_problem_t *error) {
  struct problems found = settings_read(*text);
  gate_string_free(text);
  *error = (exports_configuration_list_problem_t){found.list, found.count};
  return found.count == 0;
}

void exports_request_policy_on_request(http_borrow_request_t request, exports_request_policy_decision_t *decision) {
  types_consumer_id_t consumer;
  if (is_public(request)) {
    answer(decision, 200, field(literal("content-type"), literal("text/plain")), "ok\n");
  } else if (identify(request, &consumer)) {
    admit(decision, consumer);
  } else {
    answer(decision, 401, field(literal("www-authenticate"), literal("ApiKey")), "{\"error\":\"no key\"}\n");
  }
}
