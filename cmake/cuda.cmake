# daf::cuda: daf::daf and what a .cu file that includes <daf/daf.cuh> needs beside it. It is there where the CUDA Toolkit
# and cuDNN are found. Our own .cu files are compiled only at the top level (DAF_CUDA_LANGUAGE).
set(DAF_CUDA AUTO CACHE STRING
    "The GPU backend: AUTO where the CUDA Toolkit and cuDNN are found, ON demands them, OFF leaves it out")
set_property(CACHE DAF_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DAF_CUDA_LANGUAGE OFF)
set(DAF_CUDNN_VERSION 9.8)  # plans for devices that are not here; also in daf-config.cmake
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})  # FindCUDNN.cmake
if(DAF_CUDA STREQUAL "OFF")
    return()
elseif(NOT DAF_CUDA MATCHES "^(AUTO|ON)$")
    message(FATAL_ERROR "DAF_CUDA is '${DAF_CUDA}', but must be AUTO, ON or OFF")
endif()

set(missing)
find_package(CUDAToolkit 12 QUIET)
if(CUDAToolkit_FOUND)
    find_package(CUDNN ${DAF_CUDNN_VERSION} QUIET)
    if(NOT CUDNN_FOUND)
        set(missing "cuDNN ${DAF_CUDNN_VERSION} or later (NVIDIA's package cudnn, or pip install nvidia-cudnn-cu13; \
-DCUDNN_ROOT=FOLDER says where it is)")
    endif()
else()
    set(missing "the CUDA Toolkit, version 12 or later (NVIDIA's package cuda-toolkit; -DCUDAToolkit_ROOT=FOLDER says \
where it is)")
endif()
if(missing AND DAF_CUDA STREQUAL "ON")
    message(FATAL_ERROR "DAF_CUDA is ON, but there is not ${missing}. Install it, or leave daf::cuda out with \
-DDAF_CUDA=OFF.")
elseif(missing)
    message(STATUS "daf::cuda is left out: there is not ${missing}")
    return()
endif()
message(STATUS "daf::cuda: CUDA Toolkit ${CUDAToolkit_VERSION}, cuDNN ${CUDNN_VERSION} (${CUDNN_LIBRARY})")

include(${CMAKE_CURRENT_LIST_DIR}/daf-cuda.cmake)
# Whoever takes daf in with add_subdirectory links daf::cuda from outside of this folder.
foreach(target IN ITEMS CUDA::cudart_static CUDA::cudart_static_deps)
    if(TARGET ${target})
        set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL ON)
    endif()
endforeach()

if(PROJECT_IS_TOP_LEVEL AND (DAF_BUILD_TESTS OR DAF_BUILD_EXAMPLES))
    # Ampere, Hopper, Blackwell (which nvcc knows from 12.8 on), and PTX for what comes after.
    if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
        if(CUDAToolkit_VERSION VERSION_LESS 12.8)
            set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 90-virtual)
        else()
            set(CMAKE_CUDA_ARCHITECTURES 80-real 90a-real 100)
        endif()
        # Its three networks would take as long to compile as the tests: later devices get them from PTX.
        set(DAF_CNN_CUDA_ARCHITECTURES 80)
    else()
        set(DAF_CNN_CUDA_ARCHITECTURES ${CMAKE_CUDA_ARCHITECTURES})
    endif()
    if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
        set(CMAKE_CUDA_COMPILER ${CUDAToolkit_NVCC_EXECUTABLE})
    endif()
    enable_language(CUDA)
    # The host's side of our own programs launches, which -O1 does as well and compiles sooner. nvcc hands its own -O to the
    # host's compiler behind what -Xcompiler says, so it is this one that counts; device code is optimised whatever it says.
    if(CMAKE_CUDA_FLAGS_RELEASE STREQUAL "-O3 -DNDEBUG")  # CMake's own
        set(CMAKE_CUDA_FLAGS_RELEASE "-O1 -DNDEBUG")
    endif()
    set(DAF_CUDA_LANGUAGE ON)
endif()
