/* Preloaded: at the n-th call that changes something below a folder, kills the process, or lets the call fail. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNT, KILL, TEAR, FAIL, SHORTEN };

static char prefix[PATH_MAX];
static size_t prefix_length;
static int target, action, error_number, count;
static char names[1 << 16];

void shim_arm(const char *folder, int at, int what, int error) {
    snprintf(prefix, sizeof prefix, "%s", folder);
    prefix_length = strlen(prefix);
    target = at, action = what, error_number = error, count = 0, names[0] = 0;
}
void shim_disarm(void) { prefix_length = 0; }
int shim_count(void) { return count; }
const char *shim_names(void) { return names; }

static int below(const char *path) { return prefix_length && !strncmp(path, prefix, prefix_length); }

static int below_fd(int fd, char *path) {
    char link[64];
    if (!prefix_length) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return below(path);
}

/* 1: let the call fail with errno set; 2: shorten it; 3: shorten it, then die */
static int reached(const char *call, const char *path) {
    const char *base = strrchr(path, '/');
    size_t used = strlen(names);
    snprintf(names + used, sizeof names - used, "%s %s\n", call, base ? base + 1 : path);
    if (++count != target || action == COUNT) return 0;
    if (action == KILL) kill(getpid(), SIGKILL);
    if (action == FAIL) { errno = error_number; return 1; }
    return action == SHORTEN ? 2 : action == TEAR ? 3 : 0;
}

#define REAL(type, name, ...) type (*real)(__VA_ARGS__) = (type (*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name)

#define OPENING(name)                                                      \
    int name(const char *path, int flags, ...) {                           \
        REAL(int, name, const char *, int, ...);                           \
        va_list rest;                                                      \
        va_start(rest, flags);                                             \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                      \
        if ((flags & O_ACCMODE) != O_RDONLY && below(path) && reached("open", path) == 1) return -1; \
        return real(path, flags, mode);                                    \
    }
OPENING(open)
OPENING(open64)

ssize_t write(int fd, const void *bytes, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    char path[PATH_MAX];
    if (below_fd(fd, path)) {
        int what = reached("write", path);
        if (what == 1) return -1;
        if (what >= 2) {
            ssize_t done = real(fd, bytes, size > 1 ? size / 2 : size);
            if (what == 3) kill(getpid(), SIGKILL);
            return done;
        }
    }
    return real(fd, bytes, size);
}
int fsync(int fd) {
    REAL(int, fsync, int);
    char path[PATH_MAX];
    return below_fd(fd, path) && reached("fsync", path) == 1 ? -1 : real(fd);
}
int mkdir(const char *path, mode_t mode) {
    REAL(int, mkdir, const char *, mode_t);
    return below(path) && reached("mkdir", path) == 1 ? -1 : real(path, mode);
}
int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return below(to) && reached("rename", to) == 1 ? -1 : real(from, to);
}
int unlink(const char *path) {
    REAL(int, unlink, const char *);
    return below(path) && reached("unlink", path) == 1 ? -1 : real(path);
}
int unlinkat(int folder, const char *path, int flags) {
    REAL(int, unlinkat, int, const char *, int);
    char place[PATH_MAX];
    return below_fd(folder, place) && reached("unlink", path) == 1 ? -1 : real(folder, path, flags);
}
int rmdir(const char *path) {
    REAL(int, rmdir, const char *);
    return below(path) && reached("rmdir", path) == 1 ? -1 : real(path);
}
