# Builds for 64-bit ARM (NEON) with Debian's cross compiler, and runs the programs under QEMU:
#   apt-get install g++-aarch64-linux-gnu qemu-user
#   cmake --workflow --preset neon
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

# Eigen, doctest and the rest are headers and scripts, the same for every processor: found where the host keeps them.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
