// A reader for one flat JSON object of strings, which is all this policy needs.
//
// The gateway wrote the text, so that it is JSON; what is refused here is what this policy cannot use: values that are no
// strings, keys it does not know, and characters written as \u.
#include "settings.h"

#include <stdlib.h>
#include <string.h>

static struct {
  const char *key;
  const char *value;
  size_t length;
} settings[SETTINGS] = {
    [HEADER] = {"header", "apikey", 6},
    [TAG] = {"tag", "x-gate", 6},
    [MARK] = {"mark", "c", 1},
    [PUBLIC] = {"public", "/health", 7},
};

struct reader {
  const char *at;
  const char *end;
};

gate_string_t setting(enum setting which) {
  return (gate_string_t){(uint8_t *)settings[which].value, settings[which].length};
}

// ---- characters

static char peek(struct reader *in) {
  while (in->at < in->end && strchr(" \t\r\n", *in->at)) in->at++;
  return in->at < in->end ? *in->at : '\0';
}

static bool take(struct reader *in, char wanted) {
  if (peek(in) != wanted) return false;
  in->at++;
  return true;
}

// The character after a backslash, or 0 for one that this reader does not know.
static char unescaped(char character) {
  static const char written[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
  const char *found = character ? strchr(written, character) : NULL;
  return found ? meant[found - written] : '\0';
}

// A string on the heap. Unescaped text is never longer than what it was written as.
static bool read_string(struct reader *in, gate_string_t *out) {
  if (!take(in, '"')) return false;
  out->len = 0;
  out->ptr = malloc((size_t)(in->end - in->at) + 1);
  if (!out->ptr) abort();
  while (in->at < in->end && *in->at != '"') {
    char character = *in->at++;
    if (character == '\\') character = in->at < in->end ? unescaped(*in->at++) : '\0';
    if (character == '\0') return false;
    out->ptr[out->len++] = (uint8_t)character;
  }
  return take(in, '"');
}

// Passes over a number, word, list or object.
static bool skip_value(struct reader *in) {
  size_t depth = 0;
  gate_string_t text;
  do {
    char next = peek(in);
    if (next == '\0') return false;
    if (next == '"') {
      if (!read_string(in, &text)) return false;
      free(text.ptr);
      continue;
    }
    depth += next == '{' || next == '[';
    depth -= next == '}' || next == ']';
    in->at++;
  } while (depth > 0 || !(peek(in) == ',' || peek(in) == '}'));
  return true;
}

// ---- members

static void add_problem(struct problems *found, gate_string_t path, const char *message) {
  found->list = realloc(found->list, (found->count + 1) * sizeof *found->list);
  if (!found->list) abort();
  types_problem_t *problem = &found->list[found->count++];
  problem->path = path;
  gate_string_dup(&problem->message, message);
}

static enum setting find(gate_string_t key) {
  for (enum setting which = 0; which < SETTINGS; which++) {
    if (strlen(settings[which].key) == key.len && memcmp(settings[which].key, key.ptr, key.len) == 0) return which;
  }
  return SETTINGS;
}

static bool read_member(struct reader *in, struct problems *found) {
  gate_string_t key, value;
  if (!read_string(in, &key) || !take(in, ':')) return false;
  enum setting which = find(key);
  if (which == SETTINGS) {
    add_problem(found, key, "unknown key; the keys are header, tag, mark, public");
    return skip_value(in);
  }
  if (peek(in) != '"') {
    add_problem(found, key, "must be a string");
    return skip_value(in);
  }
  if (!read_string(in, &value)) return false;
  settings[which].value = (const char *)value.ptr;
  settings[which].length = value.len;
  return true;
}

static bool read_object(struct reader *in, struct problems *found) {
  if (!take(in, '{')) return false;
  if (take(in, '}')) return true;
  do {
    if (!read_member(in, found)) return false;
  } while (take(in, ','));
  return take(in, '}') && peek(in) == '\0';
}

struct problems settings_read(gate_string_t text) {
  struct reader in = {(const char *)text.ptr, (const char *)text.ptr + text.len};
  struct problems found = {NULL, 0};
  if (!read_object(&in, &found)) {
    add_problem(&found, (gate_string_t){NULL, 0}, "must be an object of strings without \\u escapes");
  }
  return found;
}
