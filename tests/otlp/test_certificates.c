#include "otlp/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/expect.h"
#include "tests/support/fault.h"

/* A file with such a text. */
static void write_file(char path[64], const char *text) {
    snprintf(path, 64, "/tmp/weir-certificates-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(ge(int, fd, 0));
    cr_assert(eq(i64, write(fd, text, strlen(text)), (int64_t)strlen(text)));
    close(fd);
}

static void expect_refused(const struct delivery *delivery, const char *words) {
    weir_error_detail detail = WEIR_ERROR_DETAIL_INIT;
    cr_expect(eq(int, certificates_check(delivery, &detail), WEIR_E_INVALID));
    cr_expect(strstr(detail.message, words) != NULL, "%s", detail.message);
    cr_expect(eq(int, certificates_check(delivery, NULL), WEIR_E_INVALID));
}

Test(certificates, none_need_no_look) {
    const struct delivery delivery = {0};
    cr_expect(zero(int, certificates_check(&delivery, NULL)));
}

Test(certificates, pem_is_taken_wherever_it_begins) {
    char path[64] = "";
    write_file(path, "subject: x\n-----BEGIN CERTIFICATE-----\n");
    const struct delivery delivery = {.ca = {path, "ca_file"},
                                      .client_certificate = {path, "client_certificate_file"},
                                      .client_key = {path, "client_key_file"}};
    cr_expect(zero(int, certificates_check(&delivery, NULL)));
    unlink(path);
}

Test(certificates, each_file_is_named_by_who_named_it) { /* (D13, D14) */
    char pem[64] = "", other[64] = "";
    write_file(pem, "-----BEGIN X-----\n");
    write_file(other, "nothing");
    struct delivery delivery = {.ca = {other, "OTEL_EXPORTER_OTLP_CERTIFICATE"}};
    expect_refused(&delivery, "OTEL_EXPORTER_OTLP_CERTIFICATE: /tmp/weir-certificates-");
    delivery.ca.path = pem;
    delivery.client_certificate = (struct delivery_file){other, "client_certificate_file"};
    expect_refused(&delivery, "client_certificate_file: ");
    delivery.client_certificate.path = pem;
    delivery.client_key = (struct delivery_file){other, "client_key_file"};
    expect_refused(&delivery, "is no PEM file");
    delivery.client_key.path = "/nowhere/key.pem";
    expect_refused(&delivery, "client_key_file: /nowhere/key.pem cannot be read: ");
    delivery.client_key.path = "/"; /* a directory */
    expect_refused(&delivery, "client_key_file: / cannot be read: ");
    unlink(pem);
    unlink(other);
}

Test(certificates, says_when_memory_is_short) {
    const struct delivery delivery = {.ca = {"/dev/null", "ca_file"}};
    fault_arm(1, false);
    int error = certificates_check(&delivery, NULL);
    bool has_failed = fault_has_struck();
    fault_disarm();
    cr_expect(eq(int, error, has_failed ? WEIR_E_NO_MEMORY : WEIR_E_INVALID));
}
