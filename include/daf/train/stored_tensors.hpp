#pragma once
// A slab of parameters and those of an optimizer's moments as the tensors of a file. For checkpoint.hpp.
#include <algorithm>
#include <daf/core/memory.hpp>
#include <daf/io/pytorch_layout.hpp>
#include <daf/io/safetensors.hpp>
#include <daf/net/network.hpp>
#include <daf/ops/optimizer.hpp>
#include <daf/train/read_options.hpp>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace daf::checkpoint_detail {

/// A slab of an owner's (a Learner's, an Evaluator's, a Descent's or a Model's) in host memory, to be
/// changed: itself where that is where it lies, else a copy.
template <class L>
class HostSlab {
  public:
    using T = typename L::Number;

    HostSlab(L& learner, Slab<T, typename L::Space> slab) : learner_(&learner), slab_(slab) {
        if constexpr (!L::in_host_memory) {
            copy_ = HostMemory(size() * static_cast<Index>(sizeof(T)));
            learner.context().copy_out(copy_.as<T>(), static_cast<const T*>(slab.data()), size());
        }
    }
    T* data() const {
        if constexpr (L::in_host_memory) {
            return slab_.data();
        } else {
            return copy_.as<T>();
        }
    }
    void write_back() const {
        if constexpr (!L::in_host_memory) {
            learner_->context().copy_in(slab_.data(), static_cast<const T*>(data()), size());
        }
    }

  private:
    Index size() const { return static_cast<Index>(slab_.size()); }
    L* learner_;
    Slab<T, typename L::Space> slab_;
    HostMemory copy_;
};

/// What `write` returns; too little memory for it, the list of tensors included, is a FileError, as a full
/// disk is.
template <class Write>
std::string written(const std::filesystem::path& path, const Write& write) {
    try {
        return write();
    } catch (const std::bad_alloc&) {
        file_detail::fail("write", path, ENOMEM);
    }
}

/// What training changes: the parameters, and behind them the moments.
template <class L>
std::vector<HostSlab<L>> slabs_of(L& learner) {
    std::vector<HostSlab<L>> slabs;
    slabs.emplace_back(learner, learner.parameters());
    for (Index which = 0; which < moment_count(learner.optimizer()); ++which)
        slabs.emplace_back(learner, learner.moment(which));
    return slabs;
}

/// A tensor as a checkpoint holds it, whatever its shape: so the code that writes and reads it is compiled
/// once.
template <class T>
struct StoredTensor {
    std::string name;
    PytorchLayout layout;
    bool trained;
    std::span<const Index> extents;  // ours
    T* data;                         // in the memory of whose it is
    Index size;

    TensorShape shape() const { return pytorch_extents(layout, extents); }
};

/// Every tensor of bound parameters.
template <class T, class Bound>
std::vector<StoredTensor<T>> tensors_of_bound(const std::vector<OperatorName>& names, Bound bound) {
    std::vector<StoredTensor<T>> all;
    for_each_parameter(names, bound, [&](std::string name, const auto& field, const auto& view) {
        using V = std::remove_cvref_t<decltype(view)>;
        all.push_back({std::move(name), field.layout, field.role != Role::state, V::Shape::extents,
                       view.data(), view.size()});
    });
    return all;
}

/// Every tensor of a slab of parameters.
template <class Net, class Space = Host, class T>
std::vector<StoredTensor<T>> tensors_of(T* parameters,
                                        const std::vector<OperatorName>& names = operator_names<Net>()) {
    return tensors_of_bound<T>(names, bind_all_parameters<Net, T, Space>(parameters));
}

/// Every tensor of slabs as slabs_of has them: parameters, then moments.
template <class Net, class Space = Host, class T>
std::vector<StoredTensor<T>> tensors_in(const std::vector<T*>& slabs) {
    const auto parameters = tensors_of<Net, Space>(slabs[0]);
    auto all = parameters;
    for (std::size_t which = 1; which < slabs.size(); ++which) {
        for (const auto& parameter : parameters) {
            if (!parameter.trained) continue;  // a moment's slab ends before the states
            auto& moment = all.emplace_back(parameter);
            moment.name = "optimizer.moment" + std::to_string(which) + "." + parameter.name;
            moment.data = slabs[which] + (parameter.data - slabs[0]);
        }
    }
    return all;
}

/// What an owner's checkpoint holds, where it lies. moments: with those of its optimizer.
template <bool moments, class Owner>
auto tensors_of_owner(const Owner& owner) {
    std::vector<const typename Owner::Number*> slabs{owner.parameters().data()};
    if constexpr (moments) {
        for (Index which = 0; which < moment_count(owner.optimizer()); ++which)
            slabs.push_back(owner.moment(which).data());
    }
    return tensors_in<typename Owner::Network, typename Owner::Space>(slabs);
}

/// Writes the tensors, one after the other in the memory of the largest. in_host(data, size): where such a
/// piece of theirs lies in host memory, until it is called again. batches: that BatchNorm has seen, as
/// PyTorch counts them beside its statistics.
template <class T, class InHost>
std::string write_tensors(const std::filesystem::path& path, const std::vector<StoredTensor<const T>>& stored,
                          const InHost& in_host, std::int64_t batches, Metadata metadata) {
    std::vector<T> theirs;
    std::vector<TensorSource> sources;
    for (const StoredTensor<const T>& tensor : stored) {
        sources.push_back({tensor.name, dtype_of<T>(), tensor.shape(), [&] {
                               theirs.resize(static_cast<std::size_t>(tensor.size));
                               to_pytorch<T>(tensor.layout, tensor.extents, in_host(tensor.data, tensor.size),
                                             theirs.data());
                               return std::as_bytes(std::span<const T>(theirs));
                           }});
        constexpr std::string_view variance = "running_var";
        if (tensor.name.ends_with(variance)) {
            sources.push_back(
                {tensor.name.substr(0, tensor.name.size() - variance.size()) + "num_batches_tracked",
                 Dtype::I64, TensorShape{}, [&] { return std::as_bytes(std::span(&batches, 1)); }});
        }
    }
    return write_safetensors_from(path, std::move(sources), std::move(metadata));
}

/// The same of tensors of an owner's.
template <class Owner, class T>
std::string write_owner(const std::filesystem::path& path, const Owner& owner,
                        const std::vector<StoredTensor<const T>>& stored, std::int64_t batches,
                        Metadata metadata) {
    std::vector<T> copy;
    const auto in_host = [&](const T* data, Index size) {
        if constexpr (Owner::in_host_memory) {
            return data;
        } else {
            copy.resize(static_cast<std::size_t>(size));
            owner.context().copy_out(copy.data(), data, size);
            return static_cast<const T*>(copy.data());
        }
    };
    return write_tensors<T>(path, stored, in_host, batches, std::move(metadata));
}

/// Which tensors of a file are a network's.
struct Sought {
    std::vector<OperatorName> names;
    std::vector<std::string> beginnings;  // of names that only tensors of the network may have
    Extra extra = Extra::refused;

    Sought(std::vector<OperatorName> operators, const std::string& prefix, Extra what)
        : names(std::move(operators)), beginnings{prefix}, extra(what) {
        if (prefix.empty()) return;
        for (const OperatorName& name : names) beginnings.push_back(name.prefix);
    }
    bool is_extra(const std::string& name, const std::set<std::string_view>& ours) const {
        const bool beside = name.ends_with(".num_batches_tracked") || name.starts_with("optimizer.moment");
        return !beside && !ours.contains(name) &&
               std::ranges::any_of(beginnings, [&](const auto& start) { return name.starts_with(start); });
    }
};

/// Of a whole Network or a Sequence.
template <class Net>
Sought sought(const ReadOptions& options) {
    const std::string prefix = options.prefix.value_or("");
    if constexpr (AnyNetwork<Net>) {
        if (!prefix.empty()) {
            throw ArgumentError(
                "ReadOptions: prefix: expected none, since a Network has prefixes of its own, found '" +
                prefix + "'. For its trunk alone use load_trunk.");
        }
        return {operator_names<Net>(), "", options.extra};
    } else {
        return {operator_names<Net>(prefix), prefix, options.extra};
    }
}
/// Of a Network's trunk.
template <class Net>
Sought sought_trunk(const ReadOptions& options) {
    const std::string prefix = options.prefix.value_or("trunk.");
    return {operator_names<typename Net::Trunk>(prefix), prefix, options.extra};
}

/// Throws MismatchError for the first tensor of the file that the network does not have.
inline void refuse_extra(const Safetensors& file, const std::set<std::string_view>& ours,
                         const Sought& sought) {
    for (const NamedTensor& tensor : file.tensors()) {
        if (!sought.is_extra(tensor.name, ours)) continue;
        throw MismatchError(file.origin() + ": tensor " + json::shown(tensor.name) +
                            ": expected only what the network has, found a tensor that it has not. Without "
                            "it the results may be others than where the file was written: add its layer; "
                            "or, if you know that nothing is lost, read with daf::Extra::ignored.");
    }
}

/// Which element types of a file are taken: the network's own, or what that holds exactly too.
enum class Types { same, exact };

/// Whatever is wrong is found before anything changes.
template <class T>
void read_tensors(const Safetensors& file, const std::vector<StoredTensor<T>>& tensors, const Sought& sought,
                  Types types) {
    std::vector<const NamedTensor*> found;
    std::set<std::string_view> ours;
    std::size_t most = 0;  // elements of a tensor that is of another type
    for (const StoredTensor<T>& tensor : tensors) {
        const TensorShape shape = tensor.shape();
        if (types == Types::same) static_cast<void>(file.values<T>(tensor.name, shape));
        found.push_back(&file.exact<T>(tensor.name, shape));
        ours.insert(tensor.name);
        if (found.back()->dtype != dtype_of<T>())
            most = std::max(most, static_cast<std::size_t>(tensor.size));
    }
    if (sought.extra == Extra::refused) refuse_extra(file, ours, sought);
    std::vector<T> copy(most);
    for (std::size_t i = 0; i < tensors.size(); ++i) {
        const T* values = reinterpret_cast<const T*>(found[i]->bytes.data());
        if (found[i]->dtype != dtype_of<T>()) {
            copy_exactly(*found[i], copy.data());
            values = copy.data();
        }
        from_pytorch(tensors[i].layout, tensors[i].extents, values, tensors[i].data);
    }
}

/// Into the owner's parameters.
template <class Owner>
void take_parameters(const Safetensors& file, Owner& owner, const Sought& sought) {
    const HostSlab<Owner> slab(owner, owner.parameters());
    read_tensors(file, tensors_of<typename Owner::Network>(slab.data(), sought.names), sought, Types::exact);
    slab.write_back();
}

/// Into those of its trunk.
template <class Owner>
void take_trunk(const Safetensors& file, Owner& owner, const Sought& sought) {
    using Net = typename Owner::Network;
    const HostSlab<Owner> slab(owner, owner.parameters());
    const auto bound = bind_all_parameters<Net>(slab.data());
    const auto tensors =
        tensors_of_bound<typename Owner::Number>(sought.names, part_of_tuple<0, Net::Trunk::length>(bound));
    read_tensors(file, tensors, sought, Types::exact);
    slab.write_back();
}

/// Into all that training goes on from.
template <class L>
void take_checkpoint(const Safetensors& file, L& learner) {
    using Net = typename L::Network;
    const auto slabs = slabs_of(learner);
    std::vector<typename L::Number*> places;
    for (const auto& slab : slabs) places.push_back(slab.data());
    read_tensors(file, tensors_in<Net>(places), sought<Net>({}), Types::same);
    for (const auto& slab : slabs) slab.write_back();
}

}  // namespace daf::checkpoint_detail
