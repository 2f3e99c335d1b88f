# daf::cuda: daf::daf and what a .cu file that includes <daf/daf.cuh> needs beside it. It is there where the CUDA Toolkit
# and cuDNN are found. Our own .cu files are compiled only at the top level (DAF_CUDA_LANGUAGE).
set(DAF_CUDA AUTO CACHE STRING
    "The GPU backend: AUTO where the CUDA Toolkit and cuDNN are found, ON demands them, OFF leaves it out")
set_property(CACHE DAF_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DAF_CUDA_LANGUAGE OFF)
set(DAF_CUDNN_VERSION 9.8)  # plans for devices that are not here; also in daf-config.cmake
list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})  # FindCUDNN.cmake
if(DAF_CUDA STREQUAL "AUTO")
    find_package(CUDAToolkit 12 QUIET)
    if(NOT CUDAToolkit_FOUND)
        message(STATUS "CUDA Toolkit 12 or later not found: daf::cuda is left out")
        return()
    endif()
    find_package(CUDNN ${DAF_CUDNN_VERSION} QUIET)
    if(NOT CUDNN_FOUND)
        message(STATUS "cuDNN ${DAF_CUDNN_VERSION} or later not found (CUDNN_ROOT says where it is): daf::cuda is left out")
        return()
    endif()
elseif(DAF_CUDA STREQUAL "ON")
    find_package(CUDAToolkit 12 REQUIRED)
    find_package(CUDNN ${DAF_CUDNN_VERSION} REQUIRED)
elseif(DAF_CUDA STREQUAL "OFF")
    return()
else()
    message(FATAL_ERROR "DAF_CUDA is '${DAF_CUDA}', but must be AUTO, ON or OFF")
endif()

include(${CMAKE_CURRENT_LIST_DIR}/daf-cuda.cmake)
# Whoever takes daf in with add_subdirectory links daf::cuda from outside of this folder.
foreach(target IN ITEMS CUDA::cudart_static CUDA::cudart_static_deps)
    if(TARGET ${target})
        set_target_properties(${target} PROPERTIES IMPORTED_GLOBAL ON)
    endif()
endforeach()

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
