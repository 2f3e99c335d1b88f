#pragma once
// What operators around products promise in bf16, on fibers and on a device.
#include "../../support/conformance.hpp"

namespace daf_test {

/// A product is rounded, and what is added to it once more.
inline Promise of_products(Promise promise) {
    promise.bf16_steps = 2;
    promise.bf16_gradient_steps = 1;
    return promise;
}

/// With a ReLU behind it, on whose other side a rounded product would fall here and there.
inline Promise of_products_before_relu(Promise promise) {
    promise = of_products(promise);
    promise.whole_numbers = true;
    return promise;
}

}  // namespace daf_test
