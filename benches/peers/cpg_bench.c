/* A client of a real daemon's process groups, for side-by-side runs: `cpg_bench SIZE SECONDS NODES` (0 NODES: receive only).
 * Joins group `bench`; with NODES > 0 waits for that many members, sends as fast as the daemon takes for SECONDS, counts
 * its own messages as they come back, then sends single messages and measures how long each takes to come back.
 * Prints: messages seconds latency_us (the median). Build: cc -O2 -o cpg_bench cpg_bench.c -l:libcpg.so.4 */
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 401 };

struct cpg_name { uint32_t length; char value[128]; };
struct cpg_address { uint32_t nodeid, pid, reason; };
typedef uint64_t cpg_handle_t;
typedef struct {
    void (*deliver)(cpg_handle_t, const struct cpg_name *, uint32_t, uint32_t, void *, size_t);
    void (*change)(cpg_handle_t, const struct cpg_name *, const struct cpg_address *, size_t,
                   const struct cpg_address *, size_t, const struct cpg_address *, size_t);
} cpg_callbacks_t;
int cpg_initialize(cpg_handle_t *, cpg_callbacks_t *);
int cpg_join(cpg_handle_t, const struct cpg_name *);
int cpg_fd_get(cpg_handle_t, int *);
int cpg_dispatch(cpg_handle_t, int);
int cpg_mcast_joined(cpg_handle_t, int, const struct iovec *, unsigned int);

static uint32_t own;
static unsigned long received;
static size_t members;

static void deliver(cpg_handle_t h, const struct cpg_name *n, uint32_t node, uint32_t pid, void *m, size_t len) {
    (void)h; (void)n; (void)node; (void)m; (void)len;
    if (pid == own) received++;
}
static void change(cpg_handle_t h, const struct cpg_name *n, const struct cpg_address *m, size_t count,
                   const struct cpg_address *l, size_t nl, const struct cpg_address *j, size_t nj) {
    (void)h; (void)n; (void)m; (void)l; (void)nl; (void)j; (void)nj;
    members = count;
}
static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int ascending(const void *a, const void *b) {
    double d = *(const double *)a - *(const double *)b;
    return d < 0 ? -1 : d > 0;
}

int main(int argc, char **argv) {
    size_t size = argc > 1 ? strtoul(argv[1], 0, 10) : 64;
    double seconds = argc > 2 ? atof(argv[2]) : 3;
    size_t nodes = argc > 3 ? strtoul(argv[3], 0, 10) : 0;
    cpg_handle_t h;
    cpg_callbacks_t callbacks = { deliver, change };
    struct cpg_name group = { 5, "bench" };
    int fd, result;
    own = (uint32_t)getpid();
    int tries = 0; /* the daemon may not answer yet */
    while ((result = cpg_initialize(&h, &callbacks)) != 1 && tries++ < 1000) usleep(10000);
    if (result != 1) return fprintf(stderr, "cpg_initialize: %d\n", result), 1;
    while ((result = cpg_join(h, &group)) == 6) usleep(10000);
    if (result != 1) return fprintf(stderr, "cpg_join: %d\n", result), 1;
    cpg_fd_get(h, &fd);
    struct pollfd p = { fd, POLLIN, 0 };
    char *message = calloc(1, size + 1);
    struct iovec iov = { message, size };
    while (members < nodes) { poll(&p, 1, 100); cpg_dispatch(h, 2); }
    if (!nodes) {
        int seen = 0;
        for (;;) { poll(&p, 1, 100); if (cpg_dispatch(h, 2) != 1) return 0; seen |= members > 1; if (seen && members == 1) return 0; }
    }
    double start = now(), end = start + seconds;
    unsigned long sent = 0;
    while (now() < end) {
        result = cpg_mcast_joined(h, 2, &iov, 1);
        if (result == 1) sent++;
        if (result != 1 || sent % 16 == 0) { poll(&p, 1, result == 1 ? 0 : 1); cpg_dispatch(h, 2); }
    }
    unsigned long during = received;
    double took = now() - start, limit = now() + 20;
    while (received < sent && now() < limit) { poll(&p, 1, 100); cpg_dispatch(h, 2); }
    double each[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        double s = now();
        unsigned long before = received;
        while (cpg_mcast_joined(h, 2, &iov, 1) != 1) { poll(&p, 1, 1); cpg_dispatch(h, 2); }
        while (received == before && now() < s + 2) { poll(&p, 1, 100); cpg_dispatch(h, 2); }
        each[i] = now() - s;
    }
    qsort(each, ROUNDS, sizeof *each, ascending);
    printf("%lu %.3f %.1f\n", during, took, each[ROUNDS / 2] * 1e6);
    return 0;
}
