# Makes daf::cuda; the CUDA Toolkit and cuDNN have been found. Read by our own build and by daf-config.cmake.
add_library(daf::cuda INTERFACE IMPORTED GLOBAL)
# CMake before 3.26 cannot ask nvcc for C++20 by a feature.
set_target_properties(daf::cuda PROPERTIES
    INTERFACE_LINK_LIBRARIES "daf::daf;CUDNN::cudnn;CUDA::cudart_static"
    INTERFACE_COMPILE_OPTIONS "$<$<COMPILE_LANGUAGE:CUDA>:-std=c++20>")
