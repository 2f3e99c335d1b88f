include(CMakeFindDependencyMacro)

foreach(component IN LISTS daf_FIND_COMPONENTS)
    if(daf_FIND_REQUIRED_${component} AND NOT component STREQUAL "cuda")
        set(daf_FOUND FALSE)
        set(daf_NOT_FOUND_MESSAGE "daf has no component '${component}'; there is 'cuda', and without any the CPU's part")
        return()
    endif()
endforeach()

find_dependency(Eigen3 3.4 NO_MODULE)
find_dependency(Threads)
include(${CMAKE_CURRENT_LIST_DIR}/daf-targets.cmake)

# find_package(daf COMPONENTS cuda) asks for daf::cuda.
if("cuda" IN_LIST daf_FIND_COMPONENTS)
    find_dependency(CUDAToolkit 12)
    list(APPEND CMAKE_MODULE_PATH ${CMAKE_CURRENT_LIST_DIR})  # FindCUDNN.cmake
    find_dependency(CUDNN 9.8)
    list(POP_BACK CMAKE_MODULE_PATH)
    if(NOT TARGET daf::cuda)
        include(${CMAKE_CURRENT_LIST_DIR}/daf-cuda.cmake)
    endif()
    set(daf_cuda_FOUND TRUE)
endif()
