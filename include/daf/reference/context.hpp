#pragma once
// The Reference backend: plain loops on one thread, written to be read beside the equations. Every other
// backend is tested against it.
#include <daf/core/entry.hpp>
#include <daf/core/host_context.hpp>

namespace daf {

namespace folder {
struct reference;  // daf/reference/
}

class Reference : public HostContext {
  public:
    using Folder = folder::reference;
};

}  // namespace daf
