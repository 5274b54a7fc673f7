#include <string.h>

#include <weir/value.h>

weir_value weir_value_string_n(const char *text, size_t n_bytes) {
    if (text == NULL) {
        return (weir_value){0};
    }
    return (weir_value){.kind = WEIR_VALUE_STRING, .as.string = {text, n_bytes}};
}

weir_value weir_value_string(const char *text) {
    return weir_value_string_n(text, text ? strlen(text) : 0);
}

weir_value weir_value_bool(bool boolean) {
    return (weir_value){.kind = WEIR_VALUE_BOOL, .as.boolean = boolean};
}

weir_value weir_value_int(int64_t integer) {
    return (weir_value){.kind = WEIR_VALUE_INT, .as.integer = integer};
}

weir_value weir_value_double(double number) {
    return (weir_value){.kind = WEIR_VALUE_DOUBLE, .as.number = number};
}

weir_value weir_value_bytes(const void *data, size_t n_bytes) {
    if (data == NULL && n_bytes > 0) {
        return (weir_value){0};
    }
    return (weir_value){.kind = WEIR_VALUE_BYTES, .as.bytes = {data, n_bytes}};
}

weir_value weir_value_array(const weir_value *items, size_t n_items) {
    if (items == NULL && n_items > 0) {
        return (weir_value){0};
    }
    return (weir_value){.kind = WEIR_VALUE_ARRAY, .as.array = {items, n_items}};
}

weir_value weir_value_map(const weir_key_value *items, size_t n_items) {
    if (items == NULL && n_items > 0) {
        return (weir_value){0};
    }
    return (weir_value){.kind = WEIR_VALUE_MAP, .as.map = {items, n_items}};
}

weir_value weir_value_json_n(const char *text, size_t n_bytes) {
    if (text == NULL) {
        return (weir_value){0};
    }
    return (weir_value){.kind = WEIR_VALUE_JSON, .as.string = {text, n_bytes}};
}

weir_value weir_value_json(const char *text) {
    return weir_value_json_n(text, text ? strlen(text) : 0);
}
