#include "otlp/common/options.h"

#include "tests/support/expect.h"

/* A struct as it was, as it is, and as it will be. */
struct older {
    size_t size;
    int a;
};

struct ours {
    size_t size;
    int a, b;
};

struct newer {
    size_t size;
    int a, b;
    long c, d;
};

static bool is_default(const struct ours *own) {
    return own->size == sizeof *own && own->a == 0 && own->b == 0;
}

static bool is_read_as_default(const void *given) {
    struct ours own = {1, 2, 3};
    bool is_good = options_read(&own, sizeof own, given);
    cr_expect(is_default(&own));
    return is_good;
}

Test(options, are_taken_whole) {
    struct ours given = {sizeof given, 5, 6}, own = {0};
    cr_assert(options_read(&own, sizeof own, &given));
    cr_expect(eq(sz, own.size, sizeof own));
    cr_expect(eq(int, own.a, 5));
    cr_expect(eq(int, own.b, 6));
    cr_expect(is_read_as_default(NULL));
}

Test(options, of_an_older_caller_have_defaults_behind) {
    struct ours own = {1, 2, 3};
    const struct {
        struct older older;
        int behind;
    } given = {{offsetof(struct older, a) + sizeof(int), 5}, 7};
    cr_assert(options_read(&own, sizeof own, &given));
    cr_expect(eq(sz, own.size, sizeof own));
    cr_expect(eq(int, own.a, 5));
    cr_expect(zero(int, own.b));
}

Test(options, of_a_newer_caller_are_taken_unless_it_uses_what_is_new) {
    struct newer given = {sizeof given, 5, 6, 0, 0};
    struct ours own;
    cr_assert(options_read(&own, sizeof own, &given));
    cr_expect(eq(sz, own.size, sizeof own));
    cr_expect(eq(int, own.b, 6));
    given.d = 1;
    cr_expect(not(is_read_as_default(&given)));
}

Test(options, without_a_size_are_refused) {
    cr_expect(not(is_read_as_default(&(struct ours){.a = 5})));
}

Test(options, tell_no_more_than_the_caller_has_room_for) {
    const struct ours from = {sizeof from, 5, 6};
    struct ours to = {offsetof(struct ours, b), 1, 2};
    options_write(&to, &from, sizeof from);
    cr_expect(eq(sz, to.size, offsetof(struct ours, b)));
    cr_expect(eq(int, to.a, 5));
    cr_expect(eq(int, to.b, 2));
    struct newer larger = {sizeof larger, 1, 2, 3, 4};
    options_write(&larger, &from, sizeof from);
    cr_expect(eq(int, larger.b, 6));
    cr_expect(eq(long, larger.c, 3));
    struct ours none = {0, 1, 2};
    options_write(&none, &from, sizeof from);
    cr_expect(eq(int, none.a, 1));
    options_write(NULL, &from, sizeof from);
}
