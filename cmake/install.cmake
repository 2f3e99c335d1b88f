# cmake --install: the headers, and what find_package(daf) and pkg-config need to find them (component daf). Nothing of
# that depends on the machine or on where the prefix stands, so it all lies under include/ and share/. The program
# daf-cnn is a component of its own (examples/daf_cnn/CMakeLists.txt).
include(CMakePackageConfigHelpers)
set(CMAKE_INSTALL_DEFAULT_COMPONENT_NAME daf)

install(DIRECTORY include/daf DESTINATION include FILES_MATCHING PATTERN "*.hpp" PATTERN "*.cuh")

install(TARGETS daf EXPORT daf-targets)
install(EXPORT daf-targets NAMESPACE daf:: DESTINATION share/cmake/daf)

# Before 1.0 a new minor version may change the interface.
write_basic_package_version_file(daf-config-version.cmake COMPATIBILITY SameMinorVersion ARCH_INDEPENDENT)
install(FILES cmake/daf-config.cmake cmake/daf-cuda.cmake cmake/FindCUDNN.cmake
    ${PROJECT_BINARY_DIR}/daf-config-version.cmake
    DESTINATION share/cmake/daf)

configure_file(cmake/daf.pc.in daf.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/daf.pc DESTINATION share/pkgconfig)

# The licence asks to go with every copy.
install(FILES LICENSE DESTINATION share/doc/daf)
