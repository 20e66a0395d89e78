// Which vector instructions this machine has, and which the engine uses.
#pragma once

#include <string>

namespace samesay {

enum class Isa { portable, avx2, avxvnni, avx512, avx512bf16, amx };

const char* isa_name(Isa isa);

// The best path that the machine can run.
Isa best_isa();

// The path of that name ("portable", "avx2", "avxvnni", "avx512", "avx512bf16", "amx"); the best one for an empty name. Throws
// std::invalid_argument where the name is unknown or the machine cannot run it.
Isa choose_isa(const std::string& name);

}  // namespace samesay
