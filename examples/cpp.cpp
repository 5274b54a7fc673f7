/*
 * The same from C++17: overloads take the place of C's generic macros, functions named after the
 * option structs that of its compound literals, and destructors that of its cleanup attribute.
 *
 *   c++ -std=c++17 cpp.cpp $(pkg-config --cflags --libs weir) -o cpp && ./cpp
 */
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/weir.h>

namespace {

/* A step that ends with its scope: with the exception that was told to it, if any. */
class Step {
  public:
    Step(weir_call *call, const char *action, bool streams = false) {
        auto options = weir::step_options();
        options.streams = streams;
        step_ = weir_step_begin(call, action, &options);
    }
    Step(const Step &) = delete;
    Step &operator=(const Step &) = delete;
    ~Step() {
        auto result = weir::step_result();
        const weir_error error{type_.c_str(), text_.c_str()};
        result.state = state_.empty() ? nullptr : state_.c_str();
        result.error = type_.empty() ? nullptr : &error;
        weir_step_end(step_, &result);
    }
    void set_state(std::string json) {
        state_ = std::move(json);
    }
    void fail(const std::exception &e) {
        type_ = "std::exception";
        text_ = e.what();
    }
    weir_step *get() const {
        return step_;
    }

  private:
    weir_step *step_;
    std::string state_, type_, text_;
};

struct StreamEnd {
    void operator()(weir_stream *stream) const {
        weir_stream_abandon(stream); /* nothing after the last pull: then it only ends */
        weir_stream_end(stream);
    }
};
using Stream = std::unique_ptr<weir_stream, StreamEnd>;

void plan(weir_call *call) {
    Step step(call, "plan");
    weir_set(step.get(), "urgent", true); /* a bool is a bool in C++ */
    weir_set(step.get(), "budget", 0.5);
    weir_set_all(step.get(),
                 {{"model", weir_value_string("small")}, {"retries", weir_value_int(2)}});
    weir_span *span = weir_span_begin(step.get(), "retrieve");
    weir_set(span, "documents", std::size_t{3});
    weir_event(span, "cache miss");
    weir_span_end(span);
    step.set_state(R"({"plan":"answer"})");
}

void answer(weir_call *call) {
    Step step(call, "answer", true);
    Stream stream(weir_stream_begin(step.get()));
    for (const auto *token : std::vector<const char *>{"one ", "two ", "three"}) {
        weir_stream_pull(stream.get());
        weir_stream_yield(stream.get());
        std::cout << token;
    }
    weir_stream_pull(stream.get());
    weir_stream_exhausted(stream.get());
    std::cout << '\n';
}

void check(weir_call *call) {
    Step step(call, "check");
    try {
        throw std::runtime_error("three is not an answer");
    } catch (const std::exception &e) {
        step.fail(e);
    }
}

} // namespace

int main() {
    auto options = weir::options();
    options.service_name = "cpp";
    options.project = "cpp";
    weir *w = nullptr;
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    if (weir_open(&options, &w, &detail) != 0) {
        std::cerr << "no telemetry: " << detail.message << '\n';
    }
    auto app_options = weir::app_options();
    app_options.app_id = "cpp-run";
    weir_app *app = weir_app_new(w, &app_options);
    weir_call *call = weir_call_begin(app, WEIR_METHOD_RUN);
    plan(call);
    answer(call);
    check(call);
    weir_call_end(call, nullptr);
    weir_app_free(app);
    return weir_close(w, 5000) == 0 ? 0 : 1;
}
