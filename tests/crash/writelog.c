/* LD_PRELOAD: writes every change of the files in one folder into one log, in order, after it was made.
 *
 * WRITELOG_DIR   the folder (a prefix of absolute paths, with its slash at the end)
 * WRITELOG_FILE  the log: records of {char kind; u8 name length; u16 0; u32 length; u64 offset; name; bytes}
 *                kinds: W write, T truncate (offset: new length), S fsync or fdatasync, U unlink
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define FILES 4096
static char *names[FILES]; /* by descriptor: the file's name inside the folder */
static int sink = -1;
static const char *folder;
static size_t folder_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void start(void) {
    const char *file = getenv("WRITELOG_FILE");
    folder = getenv("WRITELOG_DIR");
    if (!file || !folder) return;
    folder_length = strlen(folder);
    sink = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static const char *inside(const char *path) {
    return sink >= 0 && path && !strncmp(path, folder, folder_length) ? path + folder_length : NULL;
}

static void all(const void *bytes, size_t length) {
    const char *at = bytes;
    __typeof__(write) *real = REAL(write);
    while (length) {
        ssize_t done = real(sink, at, length);
        if (done <= 0) abort();
        at += done;
        length -= (size_t)done;
    }
}

static void record(char kind, const char *name, uint64_t offset, const void *bytes, uint32_t length) {
    struct { char kind; uint8_t name; uint16_t zero; uint32_t length; uint64_t offset; } head =
        {kind, (uint8_t)strlen(name), 0, length, offset};
    pthread_mutex_lock(&lock);
    all(&head, sizeof head);
    all(name, head.name);
    if (length) all(bytes, length);
    pthread_mutex_unlock(&lock);
}

static const char *name_of(int fd) { return fd >= 0 && fd < FILES && fd != sink ? names[fd] : NULL; }

static int opened(int fd, const char *path, int flags) {
    const char *name = inside(path);
    if (fd >= 0 && fd < FILES) {
        names[fd] = name ? strdup(name) : NULL;
        if (name && (flags & O_TRUNC)) record('T', name, 0, NULL, 0);
    }
    return fd;
}

#define OPEN(function)                                                                  \
    int function(const char *path, int flags, ...) {                                    \
        va_list rest;                                                                   \
        va_start(rest, flags);                                                          \
        mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? (mode_t)va_arg(rest, int) : 0;  \
        va_end(rest);                                                                   \
        return opened(REAL(function)(path, flags, mode), path, flags);                  \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < FILES && names[fd]) { free(names[fd]); names[fd] = NULL; }
    return REAL(close)(fd);
}

#define PWRITE(function, offset_type)                                                          \
    ssize_t function(int fd, const void *bytes, size_t length, offset_type offset) {           \
        ssize_t done = REAL(function)(fd, bytes, length, offset);                              \
        if (done > 0 && name_of(fd)) record('W', name_of(fd), (uint64_t)offset, bytes, (uint32_t)done); \
        return done;                                                                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

ssize_t write(int fd, const void *bytes, size_t length) {
    ssize_t done = REAL(write)(fd, bytes, length);
    if (done > 0 && name_of(fd)) record('W', name_of(fd), (uint64_t)(lseek(fd, 0, SEEK_CUR) - done), bytes, (uint32_t)done);
    return done;
}

#define SYNC(function)                                                       \
    int function(int fd) {                                                   \
        int done = REAL(function)(fd);                                       \
        if (!done && name_of(fd)) record('S', name_of(fd), 0, NULL, 0);      \
        return done;                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

#define TRUNCATE(function, offset_type)                                                        \
    int function(int fd, offset_type length) {                                                 \
        int done = REAL(function)(fd, length);                                                 \
        if (!done && name_of(fd)) record('T', name_of(fd), (uint64_t)length, NULL, 0);         \
        return done;                                                                           \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

int unlink(const char *path) {
    int done = REAL(unlink)(path);
    if (!done && inside(path)) record('U', inside(path), 0, NULL, 0);
    return done;
}
