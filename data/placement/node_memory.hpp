#pragma once

#include <cstdint>
#include <filesystem>

namespace gyrus {

/// Bytes that processes of this job may still fill on this node: what the kernel calls available, less where
/// a control group (SLURM's, a container's) allows less. @param root  of the file system, for tests
std::uint64_t available_memory(const std::filesystem::path& root = "/");

/// The same for memory that processes share, which also has to fit into /dev/shm.
std::uint64_t available_shared_memory(const std::filesystem::path& root = "/");

/// Name of the network file system that holds `path` (nfs, lustre, ...); empty when its disk is the node's
/// own. @throws DataError when the system does not say
const char* network_file_system(const std::filesystem::path& path);

}  // namespace gyrus
