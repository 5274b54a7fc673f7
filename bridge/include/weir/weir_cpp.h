/*
 * The C++ side of <weir/weir.h>, which includes it: overloads where C has _Generic, and makers of
 * option structs where C has compound literals. C++17. Never include it by itself.
 */
#pragma once

#include <initializer_list>

/* Gives weir::options() …; a namespace of this name would clash with the handle type. */
struct weir {
    weir() = delete;
    static weir_options options() {
        return sized<weir_options>();
    }
    static weir_otlp_options otlp_options() {
        return sized<weir_otlp_options>();
    }
    static weir_app_options app_options() {
        return sized<weir_app_options>();
    }
    static weir_call_options call_options() {
        return sized<weir_call_options>();
    }
    static weir_step_options step_options() {
        return sized<weir_step_options>();
    }
    static weir_step_result step_result() {
        return sized<weir_step_result>();
    }
    static weir_adapter adapter() {
        return sized<weir_adapter>();
    }
    static weir_stats stats() {
        return sized<weir_stats>();
    }
    static weir_load_options load_options() {
        return sized<weir_load_options>();
    }
    static weir_lifecycle_event lifecycle_event() {
        return sized<weir_lifecycle_event>();
    }

  private:
    template <class T> static T sized() {
        T value{};
        value.size = sizeof value;
        return value;
    }
};

inline weir_handle *weir_target_(weir_step *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_target_(weir_span *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_any_(weir_app *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_any_(weir_call *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_any_(weir_step *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_any_(weir_span *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}
inline weir_handle *weir_any_(weir_stream *handle) {
    return reinterpret_cast<weir_handle *>(handle);
}

template <class T> inline void weir_set(T *target, const char *key, const char *value) {
    weir_set_string_(weir_target_(target), key, value);
}
template <class T> inline void weir_set(T *target, const char *key, weir_value value) {
    weir_set_value_(weir_target_(target), key, value);
}
template <class T, class V, class = std::enable_if_t<std::is_arithmetic_v<V>>>
inline void weir_set(T *target, const char *key, V value) {
    if constexpr (std::is_same_v<V, bool>) {
        weir_set_bool_(weir_target_(target), key, value);
    } else if constexpr (std::is_floating_point_v<V>) {
        weir_set_double_(weir_target_(target), key, static_cast<double>(value));
    } else if constexpr (std::is_signed_v<V>) {
        weir_set_int_(weir_target_(target), key, value);
    } else {
        weir_set_uint_(weir_target_(target), key, value);
    }
}
template <class T> inline void weir_set_string(T *target, const char *key, const char *value) {
    weir_set_string_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_bool(T *target, const char *key, bool value) {
    weir_set_bool_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_int(T *target, const char *key, int64_t value) {
    weir_set_int_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_uint(T *target, const char *key, uint64_t value) {
    weir_set_uint_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_double(T *target, const char *key, double value) {
    weir_set_double_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_value(T *target, const char *key, weir_value value) {
    weir_set_value_(weir_target_(target), key, value);
}
template <class T> inline void weir_set_json(T *target, const char *key, const char *json) {
    weir_set_json_(weir_target_(target), key, json);
}
template <class T>
inline void weir_set_all(T *target, std::initializer_list<weir_key_value> attributes) {
    weir_set_all_(weir_target_(target), attributes.begin(), attributes.size());
}
template <class T>
inline void weir_event(T *target, const char *name, const weir_key_value *attributes = nullptr,
                       size_t n_attributes = 0) {
    weir_event_(weir_target_(target), name, attributes, n_attributes);
}
template <class T> inline void weir_set_error(T *target, const weir_error *error) {
    weir_set_error_(weir_target_(target), error);
}
template <class T> inline bool weir_traceparent(T *handle, char out[56]) {
    return weir_traceparent_(weir_any_(handle), out);
}
template <class T> inline weir_otlp_context weir_context(T *handle) {
    return weir_context_(weir_any_(handle));
}
template <class T>
inline void weir_inject(T *handle, const weir_baggage *baggage, weir_carrier_set_fn *set,
                        void *carrier) {
    weir_inject_(weir_any_(handle), baggage, set, carrier);
}

inline weir_span *weir_span_begin(weir_step *parent, const char *name,
                                  const char *const *dependencies = nullptr) {
    return weir_step_span_begin(parent, name, dependencies);
}
inline weir_span *weir_span_begin(weir_span *parent, const char *name,
                                  const char *const *dependencies = nullptr) {
    return weir_span_span_begin(parent, name, dependencies);
}

/* With what was produced: text, or any value. */
inline void weir_stream_produced(weir_stream *stream, weir_value value) {
    weir_stream_produced_value(stream, value);
}
inline void weir_stream_produced(weir_stream *stream, const char *text) {
    weir_stream_produced_value(stream, weir_value_string(text));
}
inline void weir_stream_yield(weir_stream *stream, weir_value value) {
    weir_stream_yield_value(stream, value);
}
inline void weir_stream_yield(weir_stream *stream, const char *text) {
    weir_stream_yield_value(stream, weir_value_string(text));
}
