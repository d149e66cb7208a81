// Lets requests with a known API key pass.
//
// What a function returns is freed by the generated code once the gateway has read it, so that all of it is on the heap.
#include <stdlib.h>
#include <string.h>

#include "generated/gate.h"

static const char HEADER[] = "apikey";

static gate_string_t text(const char *literal) {
  gate_string_t copy;
  gate_string_dup(&copy, literal);
  return copy;
}

static gate_list_u8_t bytes(const char *literal) {
  gate_string_t copy = text(literal);
  return (gate_list_u8_t){copy.ptr, copy.len};
}

static void *allocate(size_t count, size_t size) {
  void *result = calloc(count, size);
  if (!result) abort();
  return result;
}

static bool identify(http_borrow_request_t request, types_consumer_id_t *consumer) {
  gate_list_u8_t key;
  http_ambiguity_t ambiguity;
  gate_string_t header = {(uint8_t *)HEADER, strlen(HEADER)};
  if (!http_method_request_sole_header(request, &header, &key, &ambiguity)) return false;
  bool known = consumers_find_by_key(&key, consumer);
  gate_list_u8_free(&key);
  return known;
}

static void admit(exports_request_policy_decision_t *decision, types_consumer_id_t consumer) {
  decision->tag = EXPORTS_REQUEST_POLICY_DECISION_FORWARD;
  exports_request_policy_forward_t *forward = &decision->val.forward;
  memset(forward, 0, sizeof *forward);
  forward->request.len = 1;
  forward->request.ptr = allocate(forward->request.len, sizeof(types_edit_t));
  forward->request.ptr[0] = (types_edit_t){.tag = TYPES_EDIT_REMOVE, .val.remove = text(HEADER)};
  forward->consumer.is_some = true;
  forward->consumer.val = consumer;
}

static void refuse(exports_request_policy_decision_t *decision) {
  decision->tag = EXPORTS_REQUEST_POLICY_DECISION_RESPOND;
  types_local_response_t *response = &decision->val.respond;
  memset(response, 0, sizeof *response);
  response->status = 401;
  response->headers.len = 1;
  response->headers.ptr = allocate(1, sizeof(types_field_t));
  response->headers.ptr[0] = (types_field_t){text("www-authenticate"), bytes("ApiKey")};
}

// This policy has no keys: whatever is configured is refused.
bool exports_configuration_configure(gate_string_t *given, exports_configuration_list_problem_t *error) {
  bool is_empty = given->len == 2 && memcmp(given->ptr, "{}", 2) == 0;
  gate_string_free(given);
  if (is_empty) return true;
  error->len = 1;
  error->ptr = allocate(1, sizeof(types_problem_t));
  error->ptr[0] = (types_problem_t){text(""), text("takes no configuration")};
  return false;
}

void exports_request_policy_on_request(http_borrow_request_t request, exports_request_policy_decision_t *decision) {
  types_consumer_id_t consumer;
  if (identify(request, &consumer)) {
    admit(decision, consumer);
  } else {
    refuse(decision);
  }
}
