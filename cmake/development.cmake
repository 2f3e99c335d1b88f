# daf_development: the library together with the way this project compiles its own programs, tests and
# benchmarks. Never installed: whoever uses the library keeps their own flags.
option(DAF_WERROR "Warnings are errors" ${PROJECT_IS_TOP_LEVEL})
option(DAF_NATIVE "Use every instruction of this machine's processor (-march=native)" ${PROJECT_IS_TOP_LEVEL})
set(DAF_ARCH "" CACHE STRING "In place of DAF_NATIVE: the processor to build for (-march), as x86-64-v3")
set(DAF_SANITIZE "" CACHE STRING "Sanitizer: empty, address (with undefined) or thread")
set_property(CACHE DAF_SANITIZE PROPERTY STRINGS "" address thread)

set(CMAKE_CXX_EXTENSIONS OFF)
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
endif()

add_library(daf_warnings INTERFACE)
target_compile_options(daf_warnings INTERFACE
    "$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wconversion;-Wshadow;$<$<BOOL:${DAF_WERROR}>:-Werror>>"
    # A kernel that spills registers or keeps arrays in local memory is slow: that is a warning too.
    "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wall,-Wextra,-Wconversion,-Wshadow;-Xptxas=-warn-spills,-warn-lmem-usage>"
    "$<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${DAF_WERROR}>>:-Xcompiler=-Werror;-Werror=all-warnings>")
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 misfires here in std::string (GCC bug 105651), in its own AVX-512 intrinsics (105593) and in instrumented
    # code. clang++ and the sanitizers watch for the real thing; tests/consumer compiles the library without these.
    target_compile_options(daf_warnings INTERFACE
        "$<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict;-Wno-maybe-uninitialized>"
        "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<BOOL:${DAF_SANITIZE}>>:-Wno-uninitialized>"
        "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=-Wno-restrict>")
endif()

add_library(daf_development INTERFACE)
target_link_libraries(daf_development INTERFACE daf::daf daf_warnings)

if(DAF_ARCH)
    set(arch_flags -march=${DAF_ARCH})
elseif(DAF_NATIVE)
    include(CheckCXXCompilerFlag)
    check_cxx_compiler_flag(-march=native DAF_HAS_MARCH_NATIVE)
    if(DAF_HAS_MARCH_NATIVE)
        set(arch_flags -march=native)
    endif()
endif()
target_compile_options(daf_development INTERFACE "$<$<COMPILE_LANGUAGE:CXX>:${arch_flags}>")

if(DAF_SANITIZE STREQUAL "address")
    set(sanitizer_flags -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
elseif(DAF_SANITIZE STREQUAL "thread")
    set(sanitizer_flags -fsanitize=thread)
elseif(DAF_SANITIZE)
    message(FATAL_ERROR "DAF_SANITIZE is '${DAF_SANITIZE}', but must be empty, address or thread")
endif()
if(sanitizer_flags)
    # nvcc passes a list on, and takes every comma for one of its own.
    string(REPLACE "," ",-fsanitize=" flags_of_host_compiler "${sanitizer_flags}")
    string(REPLACE ";" "," flags_of_host_compiler "${flags_of_host_compiler}")
    target_compile_options(daf_development INTERFACE
        "$<$<COMPILE_LANGUAGE:CXX>:${sanitizer_flags}>"
        "$<$<COMPILE_LANGUAGE:CUDA>:-Xcompiler=${flags_of_host_compiler}>")
endif()
target_link_options(daf_development INTERFACE ${sanitizer_flags})

# g++ 12 finds AVX-512 intrinsics uninitialised (GCC bug 105593) where less is inlined than at -O3 of a whole unit.
set(inlines_less $<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>)
# For programs that take longer to compile than to run.
set(compile_quickly -O1 ${inlines_less})
# Tests compile in two thirds of the time at -O1. At -O3, as users compile, are what they link, the application, the tests
# against PyTorch's numbers, and in scripts/instruction_sets all of the operators' tests.
set(DAF_TEST_OPTIMIZATION -O1 CACHE STRING "How far tests are optimised, in release builds")
set(compile_tests $<$<CONFIG:Release>:${DAF_TEST_OPTIMIZATION}> ${inlines_less})

# What takes longest to compile, once for all of our programs that convolve: inner_loops.hpp says what. They link
# daf_inner_loops, and their sources that convolve are compiled with ${include_inner_loops}.
set(include_inner_loops -include ${CMAKE_CURRENT_LIST_DIR}/inner_loops.hpp ${inlines_less})
add_library(daf_inner_loops STATIC ${CMAKE_CURRENT_LIST_DIR}/inner_loops.cpp)
target_link_libraries(daf_inner_loops PUBLIC daf_development)
if(DAF_SANITIZE STREQUAL "address" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Unrolled as they are, with every check g++ 12 takes 18 minutes; without those of each pointer, whose addresses are
    # checked all the same, 4. (Checked by calls, it takes 2, and everything that trains 4 times as long.)
    target_compile_options(daf_inner_loops PRIVATE -fno-sanitize=null,alignment,object-size,pointer-overflow)
endif()
