# daf_opencv: OpenCV's core, imgproc and imgcodecs, which decode and resize images. Debian's libopencv-dev has a
# package configuration but brings a hundred packages; the three that hold these modules have none, so they are looked
# for where such files lie.
find_package(OpenCV 4 QUIET COMPONENTS core imgproc imgcodecs)
add_library(daf_opencv INTERFACE)
if(OpenCV_FOUND)
    target_include_directories(daf_opencv SYSTEM INTERFACE ${OpenCV_INCLUDE_DIRS})
    target_link_libraries(daf_opencv INTERFACE ${OpenCV_LIBS})
else()
    find_path(DAF_OPENCV_INCLUDE opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4 REQUIRED)
    target_include_directories(daf_opencv SYSTEM INTERFACE ${DAF_OPENCV_INCLUDE})
    foreach(module core imgproc imgcodecs)
        find_library(DAF_OPENCV_${module} opencv_${module} REQUIRED)
        target_link_libraries(daf_opencv INTERFACE ${DAF_OPENCV_${module}})
    endforeach()
endif()
