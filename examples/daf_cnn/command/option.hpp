#pragma once
// Where training/trained_network.cpp, which is being written anew, looks for it.
#include "base/option.hpp"
