// What an operator may write under `config`: strings, each with a default.
#pragma once

#include "generated/gate.h"

enum setting { HEADER, TAG, MARK, PUBLIC, SETTINGS };

// Problems found so far.
struct problems {
  types_problem_t *list;
  size_t count;
};

// The value of a setting; it lives as long as the instance.
gate_string_t setting(enum setting which);

// Takes the configuration over, or says everything that is wrong with it.
struct problems settings_read(gate_string_t text);
