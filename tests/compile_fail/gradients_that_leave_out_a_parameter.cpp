// expect: Gradients must hold every decayed and undecayed tensor of Parameters
// errors: 1
#include <daf/core/slab.hpp>

/// A weight that gradients move, and a centre that follows a sum.
struct Op {
    struct Header {
        static constexpr const char* name = "op";
    };
    using Input = daf::Shape<4>;
    using Output = daf::Shape<4>;
    static constexpr bool backward_reads_x = true, backward_reads_y = false;

    template <class T, class Space = daf::Host>
    struct Parameters {
        daf::View<daf::Shape<8>, T, Space> centre;
        daf::View<daf::Shape<4>, T, Space> weight;
        static constexpr auto fields() {
            return daf::Tuple{daf::Parameter{"centre", &Parameters::centre, daf::Role::undecayed},
                              daf::Parameter{"weight", &Parameters::weight, daf::Role::undecayed}};
        }
    };
    template <class T, class Space = daf::Host>
    struct Gradients {
        daf::View<daf::Shape<8>, T, Space> centre, sum;
        daf::View<daf::Shape<4>, T, Space> weight;
        static constexpr auto fields() {
#ifdef DAF_FAIL
            return daf::Tuple{daf::Parameter{"weight", &Gradients::weight, daf::Role::undecayed},
                              daf::Parameter{"sum", &Gradients::sum, daf::Role::sum}};
#else
            return daf::Tuple{daf::Parameter{"centre", &Gradients::centre, daf::Role::undecayed},
                              daf::Parameter{"weight", &Gradients::weight, daf::Role::undecayed},
                              daf::Parameter{"sum", &Gradients::sum, daf::Role::sum}};
#endif
        }
    };
};

daf::Index gradients() {
    return daf::gradient_count<Op>;
}
