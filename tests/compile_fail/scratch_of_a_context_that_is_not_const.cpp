// expect: scratch_bytes of a kernel takes its context as const Backend&, or it is never called
// errors: 1
#include <daf/cpu/context.hpp>

struct Op {
    struct Header {
        static constexpr const char* name = "op";
    };
    using Input = daf::Shape<4>;
    using Output = daf::Shape<4>;
    static constexpr bool backward_reads_x = true, backward_reads_y = false;
};

template <>
struct daf::Kernel<Op, daf::Cpu> {
    template <class T>
#ifdef DAF_FAIL
    static Index scratch_bytes(Cpu&, Index count){
#else
    static Index scratch_bytes(const Cpu&, Index count) {
#endif
        return scratch_size<T>(count);
}
}
;

daf::Index bytes(const daf::Cpu& cpu) {
    return daf::scratch_bytes<Op, float>(cpu, 3);
}
