// Losses on a device.
#include <daf/daf.cuh>
#include <daf/reference/centre_loss.hpp>
#include <daf/reference/counting.hpp>
#include <daf/reference/island_loss.hpp>
#include <daf/reference/softmax_cross_entropy.hpp>
#include <daf/reference/triplet_centre_loss.hpp>

#include "../../support/counted.hpp"
#include "conform_on_device.hpp"

using daf::Shape;
using daf_test::conform_both_on_device;
using daf_test::one_batch;

TEST_CASE("softmax cross-entropy on a device keeps every promise") {
    daf_test::conform_on_device<daf::SoftmaxCrossEntropy<Shape<7>>>();
    daf_test::conform_on_device<daf::SoftmaxCrossEntropy<Shape<65>>>({}, one_batch());
}

TEST_CASE("Triplet-Centre loss on a device keeps every promise") {
    conform_both_on_device(daf::TripletCentreLoss<Shape<7>, 7>{.margin = 2}, one_batch());
    conform_both_on_device(daf::TripletCentreLoss<Shape<128>, 11>{.margin = 11},
                           {.batches = {18}, .seeds = {1}});
}

TEST_CASE("centre loss and island loss on a device keep every promise") {
    conform_both_on_device(daf::CentreLoss<Shape<7>, 2>{}, one_batch());
    conform_both_on_device(daf::IslandLoss<Shape<7>, 7>{}, one_batch(1e-11));
}

TEST_CASE("a device counts as the reference does, every time, equal scores, ties and NaNs among them") {
    daf::Reference reference;
    daf::Gpu gpu;
    for (const daf::Index count : {1, 7, 256, 700}) {
        INFO(count, " samples");
        const auto want = daf_test::counts_of<float>(reference, count);
        for (int again = 0; again < 10; ++again) {
            CHECK(daf_test::counts_of<float>(gpu, count) == want);
            CHECK(daf_test::counts_of<double>(gpu, count) == want);
            CHECK(daf_test::counts_of<daf::bf16>(gpu, count) == want);
        }
    }
}
