// Streams, events and recordings of the stand-in runtime.
#include "stand_in_device.hpp"

using daf_test::device;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
    if (const cudaError_t refused = device().refuse_while_recording()) return refused;
    *stream = device().add_stream();
    return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
    device().remove_stream(stream);
    return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
    if (const cudaError_t refused = device().refuse_while_recording()) return refused;
    ++device().figures.waits;
    device().run(stream);
    return device().lost;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
    *event = new CUevent_st;
    (*event)->timed = (flags & cudaEventDisableTiming) == 0;
    return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
    delete event;
    return cudaSuccess;
}
// What crosses from a recording into another stream is refused: it would belong to the recording.
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
    if (stream->recording) return device().refuse_while_recording();
    const auto ticket = std::make_shared<bool>(false);
    event->ticket = ticket;
    event->when = std::make_shared<std::chrono::steady_clock::time_point>();
    stream->queue.push_back({[ticket, when = event->when] {
        *ticket = true;
        *when = std::chrono::steady_clock::now();
    }});
    return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
    for (const cudaEvent_t event : {begin, end}) {
        if (!event->timed || !event->ticket) return device().fail(cudaErrorInvalidResourceHandle);
        if (!*event->ticket) return device().fail(cudaErrorNotReady);
    }
    *milliseconds = std::chrono::duration<float, std::milli>(*end->when - *begin->when).count();
    return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
    if (stream->recording) return device().refuse_while_recording();
    if (event->ticket) stream->queue.push_back({{}, event->ticket});
    return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
    if (const cudaError_t refused = device().refuse_while_recording()) return refused;
    ++device().figures.event_waits;
    if (event->ticket) device().run_until(event->ticket);
    return device().lost;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
    if (stream->recording) return device().fail(cudaErrorIllegalState);
    stream->recording = std::make_shared<daf_test::RecordedWork>();
    stream->recording_broken = false;
    return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
    *graph = nullptr;
    if (!stream->recording) return device().fail(cudaErrorIllegalState);
    const auto work = std::exchange(stream->recording, nullptr);
    if (stream->recording_broken) return device().fail(cudaErrorStreamCaptureInvalidated);
    *graph = new CUgraph_st{work};
    return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
    delete graph;
    return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* executable, cudaGraph_t graph, unsigned long long) {
    *executable = new CUgraphExec_st{graph->work};
    ++device().figures.recordings;
    return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t executable) {
    delete executable;
    --device().figures.recordings;
    return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t executable, cudaStream_t stream) {
    if (device().lost != cudaSuccess) return device().lost;
    ++device().figures.recordings_launched;
    for (const auto& work : *executable->work) device().queue(stream, work);
    return cudaSuccess;
}
}
