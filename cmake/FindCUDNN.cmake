# cuDNN 9.8 or later, CUDNN::cudnn: in the toolkit's folder, the system's, or a Python package's (nvidia-cudnn-cu13, whose
# folder is .../site-packages/nvidia/cudnn). CUDNN_ROOT says where to look first.
#
# CUDNN_FOUND, CUDNN_VERSION, CUDNN_INCLUDE_DIR, CUDNN_LIBRARY
set(hints ${CUDAToolkit_ROOT} ${CUDAToolkit_TARGET_DIR} ${CUDAToolkit_BIN_DIR}/..)
foreach(folder IN LISTS CUDAToolkit_LIBRARY_DIR)
    list(APPEND hints ${folder}/..)
endforeach()
# The package of the Python that is in use.
find_program(CUDNN_PYTHON NAMES python3 python DOC "Its package of cuDNN is used where there is no other")
mark_as_advanced(CUDNN_PYTHON)
if(CUDNN_PYTHON)
    execute_process(
        COMMAND ${CUDNN_PYTHON} -c "import nvidia.cudnn; print(list(nvidia.cudnn.__path__)[0])"
        OUTPUT_VARIABLE python_package OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
# Python's packages have no libcudnn.so, but the library by its full name. The first folder that has either wins, so that
# header and library are of one cuDNN.
find_path(CUDNN_INCLUDE_DIR cudnn_version.h HINTS ${hints} PATHS ${python_package} PATH_SUFFIXES include)
find_library(CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR HINTS ${hints} PATHS ${python_package}
    PATH_SUFFIXES lib lib64 lib/x64)
mark_as_advanced(CUDNN_INCLUDE_DIR CUDNN_LIBRARY)

set(CUDNN_VERSION)
if(CUDNN_INCLUDE_DIR)
    file(STRINGS ${CUDNN_INCLUDE_DIR}/cudnn_version.h lines REGEX "define CUDNN_(MAJOR|MINOR|PATCHLEVEL) ")
    string(REGEX REPLACE "[^0-9;]" "" numbers "${lines}")
    list(JOIN numbers "." CUDNN_VERSION)
endif()
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(CUDNN
    REQUIRED_VARS CUDNN_LIBRARY CUDNN_INCLUDE_DIR VERSION_VAR CUDNN_VERSION)
if(CUDNN_FOUND AND NOT TARGET CUDNN::cudnn)
    add_library(CUDNN::cudnn UNKNOWN IMPORTED GLOBAL)
    set_target_properties(CUDNN::cudnn PROPERTIES
        IMPORTED_LOCATION ${CUDNN_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${CUDNN_INCLUDE_DIR})
endif()
