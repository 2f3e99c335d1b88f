#pragma once
// What a training run leaves behind: config.json, metrics.jsonl, best.safetensors, last.safetensors.
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace daf_cnn {

/// One epoch's figures, as metrics.jsonl has them.
struct EpochRecord {
    int epoch = 0;
    double loss = 0;         // Eq 13, mean over the epoch's batches
    double softmax = 0;      // mean cross-entropy
    double tc = 0;           // Triplet-Centre loss of a batch, reduced, without lambda; mean over the batches
    double active = 0;       // share of images whose Triplet-Centre loss is not zero
    double centre_norm = 0;  // mean length of the centres at the epoch's end
    double train_accuracy = 0;
    double val_accuracy = 0;
    double lr = 0;          // the rate that the epoch was trained with
    double seconds = 0;     // training and validation
    double data_wait = 0;   // seconds of those that training waited for images
    bool reloaded = false;  // the epoch's model was left for the best one

    std::string json() const;
    /// What json() wrote. Throws daf::FormatError "expected ..., found ...".
    static EpochRecord read(std::string_view line);
};

class RunFolder {
  public:
    explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path config() const { return path_ / "config.json"; }
    std::filesystem::path metrics() const { return path_ / "metrics.jsonl"; }
    std::filesystem::path best() const { return path_ / "best.safetensors"; }
    std::filesystem::path last() const { return path_ / "last.safetensors"; }
    std::filesystem::path epoch(int number) const;

    /// Throws BadUse if it is there already, unless a run that never began has left no more than its lock.
    void check_new() const;
    /// Throws daf::FileError.
    void create() const;
    /// Throws BadUse if there is no run to go on with.
    void check_resumable() const;

    /// Throws BadUse where fewer epochs are wanted than the run has done: none of them is taken back.
    void check_epochs(int done, int wanted) const;

    /// Removes what writers left that were killed at their work. Only for who holds the folder's RunLock.
    void remove_leftovers() const;

    /// Adds an epoch's line to metrics.jsonl and returns once it is on the disk.
    void record(const EpochRecord& epoch) const;
    /// The lines of metrics.jsonl, oldest first; none where the file is missing. Throws daf::FileError, or
    /// daf::FormatError that names the line.
    std::vector<EpochRecord> epochs() const;
    /// How many lines metrics.jsonl has that were written to their end.
    std::ptrdiff_t whole_lines() const;
    /// Takes back the lines of later epochs, and what is no epoch's figures.
    void forget_after(int epoch) const;

  private:
    std::filesystem::path path_;
};

}  // namespace daf_cnn
