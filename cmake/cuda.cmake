# daf::cuda: daf::daf and what a .cu file that includes <daf/daf.cuh> needs beside it. It is there where the CUDA Toolkit
# is found. Our own .cu files are compiled only at the top level (DAF_CUDA_LANGUAGE).
set(DAF_CUDA AUTO CACHE STRING "The GPU backend: AUTO where the CUDA Toolkit is found, ON demands it, OFF leaves it out")
set_property(CACHE DAF_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DAF_CUDA_LANGUAGE OFF)
if(DAF_CUDA STREQUAL "AUTO")
    find_package(CUDAToolkit 12 QUIET)
elseif(DAF_CUDA)
    find_package(CUDAToolkit 12 REQUIRED)
endif()
if(NOT DAF_CUDA OR NOT CUDAToolkit_FOUND)
    message(STATUS "daf::cuda is left out (CUDA Toolkit 12 or later not found, or DAF_CUDA=OFF)")
    return()
endif()

include(${CMAKE_CURRENT_LIST_DIR}/daf-cuda.cmake)

if(PROJECT_IS_TOP_LEVEL AND DAF_BUILD_TESTS)
    # Ampere, Hopper, Blackwell, and the last one's PTX for what comes after.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 100)
    endif()
    if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
        set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
    endif()
    enable_language(CUDA)
    set(DAF_CUDA_LANGUAGE ON)
endif()
