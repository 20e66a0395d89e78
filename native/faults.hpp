// What a caller can have got wrong; each message is for the user.
#pragma once

#include <stdexcept>

namespace samesay {

// Something in the checkpoint is not as the configuration says.
struct CheckpointFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

// Token ids that the network lacks, or sequences that are empty, too long or laid out wrongly.
struct TokenFault : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

// A pass that cannot be run here or now.
struct EngineFault : std::runtime_error {
    using std::runtime_error::runtime_error;
};

}  // namespace samesay
