#include "bridge/cli/listen.h"

#include <stdlib.h>
#include <string.h>

static bool parse_port(const char *text, uint16_t *out) {
    char *end;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || port > UINT16_MAX) {
        return false;
    }
    *out = (uint16_t)port;
    return true;
}

bool listen_address_parse(const char *text, void *out) {
    struct listen_address address = {.host = "127.0.0.1"};
    const char *colon = strrchr(text, ':');
    const char *port = colon != NULL ? colon + 1 : text;
    const char *host = text;
    size_t n_host = colon != NULL ? (size_t)(colon - text) : 0;
    if (n_host >= 2 && host[0] == '[' && host[n_host - 1] == ']') {
        host++;
        n_host -= 2;
    } else if (memchr(host, ':', n_host) != NULL) {
        return false; /* an IPv6 address without brackets: where its port begins is a guess */
    }
    if (n_host >= sizeof(address.host) || !parse_port(port, &address.port)) {
        return false;
    }
    if (n_host > 0) {
        memcpy(address.host, host, n_host);
        address.host[n_host] = '\0';
    }
    *(struct listen_address *)out = address;
    return true;
}
