/* Faults of the disk, and a record of what was asked of it: loaded before libc (LD_PRELOAD) by tests.
 *
 * Only paths below the watched folder are meddled with. Nothing happens until a test says so, through
 * the functions named faults_*, which it calls in the same process (tests/faults/shim.py). The record
 * is written under the same lock as the operation, so it has the order in which the kernel was asked.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { READ = 1, WRITE = 2, SYNC = 4, NAME = 8, SIZE = 16 };

#define MOST 1024
#define LONGEST 512

static char watched[LONGEST];
static char paths[MOST][LONGEST];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record = -1;
static long at, seen, fired;
static int kinds, code, sticky, torn;

/* ---- what a test calls */

void faults_watch(const char *folder) { strncpy(watched, folder, LONGEST - 1); }

/* Fail operation number `when` (from 1) among those of `which`; `hurt` makes it a half write instead. */
void faults_arm(long when, int which, int error, int from_then_on, int hurt)
{
    pthread_mutex_lock(&lock);
    at = when, kinds = which, code = error, sticky = from_then_on, torn = hurt, seen = fired = 0;
    pthread_mutex_unlock(&lock);
}

long faults_seen(void) { return seen; }
long faults_fired(void) { return fired; }

static void tell(char op, const char *path, int64_t offset, const void *data, int64_t size)
{
    struct { char op; char pad[3]; uint32_t name; int64_t offset, size; } head;
    memset(&head, 0, sizeof head);
    head.op = op, head.name = strlen(path), head.offset = offset, head.size = size;
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.name}, {(void *)data, data ? size : 0}};
    if (record >= 0 && syscall(SYS_writev, record, parts, 3) < 0)
        abort();
}

void faults_record(int descriptor) { record = descriptor; }

void faults_note(const char *text)
{
    pthread_mutex_lock(&lock);
    tell('A', text, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
}

/* ---- how it meddles */

static int below(const char *path)
{
    size_t length = strlen(watched);
    return length && !strncmp(path, watched, length) && (path[length] == '/' || !path[length]);
}

static const char *path_of(int fd) { return fd >= 0 && fd < MOST && paths[fd][0] ? paths[fd] : NULL; }

static int fails(int kind)
{
    if (!(kinds & kind))
        return 0;
    seen++;
    if (seen != at && !(sticky && seen > at && at > 0))
        return 0;
    fired++;
    errno = code;
    return 1;
}

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

#define GUARDED(type, path, kind, op, offset, data, size, call)                                            \
    do {                                                                                                   \
        pthread_mutex_lock(&lock);                                                                         \
        type result = -1;                                                                                  \
        if (fails(kind)) {                                                                                 \
            if ((kind) == SYNC)                                                                            \
                tell('F', path, 0, NULL, 0);                                                               \
        } else if ((result = (call)) != -1) {                                                              \
            if (op)                                                                                        \
                tell(op, path, offset, data, size);                                                        \
        }                                                                                                  \
        int kept = errno;                                                                                  \
        pthread_mutex_unlock(&lock);                                                                       \
        errno = kept;                                                                                      \
        return result;                                                                                     \
    } while (0)

static int opened(int fd, const char *path, int flags, int stood)
{
    if (fd < 0)
        return fd;
    if (fd >= MOST)
        abort();
    strncpy(paths[fd], path, LONGEST - 1);
    if (!stood)
        tell('O', path, 0, NULL, 0);
    else if ((flags & O_TRUNC) && (flags & O_ACCMODE) != O_RDONLY)
        tell('T', path, 0, NULL, 0);
    return fd;
}

#define OPEN(name, call, plain)                                                                            \
    mode_t mode = 0;                                                                                       \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                   \
        va_list more;                                                                                      \
        va_start(more, flags);                                                                             \
        mode = va_arg(more, mode_t);                                                                       \
        va_end(more);                                                                                      \
    }                                                                                                      \
    if (!below(path))                                                                                      \
        return plain;                                                                                      \
    pthread_mutex_lock(&lock);                                                                             \
    int stood = !access(path, F_OK);                                                                       \
    int fd = fails(NAME) ? -1 : opened(call, path, flags, stood);                                          \
    int kept = errno;                                                                                      \
    pthread_mutex_unlock(&lock);                                                                           \
    errno = kept;                                                                                          \
    return fd

int open(const char *path, int flags, ...) { OPEN(open, REAL(open)(path, flags, mode), REAL(open)(path, flags, mode)); }
int open64(const char *path, int flags, ...) { OPEN(open64, REAL(open64)(path, flags, mode), REAL(open64)(path, flags, mode)); }
int openat(int folder, const char *path, int flags, ...) { OPEN(openat, REAL(openat)(folder, path, flags, mode), REAL(openat)(folder, path, flags, mode)); }
int openat64(int folder, const char *path, int flags, ...) { OPEN(openat64, REAL(openat64)(folder, path, flags, mode), REAL(openat64)(folder, path, flags, mode)); }

int close(int fd)
{
    if (path_of(fd))
        paths[fd][0] = 0;
    return REAL(close)(fd);
}

#define READING(call)                                                                                      \
    const char *path = path_of(fd);                                                                        \
    if (!path)                                                                                             \
        return call;                                                                                       \
    GUARDED(ssize_t, path, READ, 0, 0, NULL, 0, call)

ssize_t read(int fd, void *into, size_t size) { READING(REAL(read)(fd, into, size)); }
ssize_t pread(int fd, void *into, size_t size, off_t where) { READING(REAL(pread)(fd, into, size, where)); }
ssize_t pread64(int fd, void *into, size_t size, off64_t where) { READING(REAL(pread64)(fd, into, size, where)); }

/* A half write is what a full disk or a quota leaves: the caller is told how much of it there is. */
#define WRITING(offset, whole, half)                                                                       \
    const char *path = path_of(fd);                                                                        \
    if (!path)                                                                                             \
        return whole;                                                                                      \
    pthread_mutex_lock(&lock);                                                                             \
    int64_t begin = (offset);                                                                              \
    ssize_t done = -1;                                                                                     \
    if (!fails(WRITE))                                                                                     \
        done = whole;                                                                                      \
    else if (torn && size > 1)                                                                             \
        done = half;                                                                                       \
    if (done > 0)                                                                                          \
        tell('W', path, begin, from, done);                                                                \
    int kept = errno;                                                                                      \
    pthread_mutex_unlock(&lock);                                                                           \
    errno = kept;                                                                                          \
    return done

static int64_t place(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return lseek(fd, 0, flags & O_APPEND ? SEEK_END : SEEK_CUR);
}

ssize_t write(int fd, const void *from, size_t size) { WRITING(place(fd), REAL(write)(fd, from, size), REAL(write)(fd, from, size / 2)); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t where) { WRITING(where, REAL(pwrite)(fd, from, size, where), REAL(pwrite)(fd, from, size / 2, where)); }
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t where) { WRITING(where, REAL(pwrite64)(fd, from, size, where), REAL(pwrite64)(fd, from, size / 2, where)); }

#define ON_FILE(kind, op, offset, call)                                                                    \
    const char *path = path_of(fd);                                                                        \
    if (!path)                                                                                             \
        return call;                                                                                       \
    GUARDED(int, path, kind, op, offset, NULL, 0, call)

int fsync(int fd) { ON_FILE(SYNC, 'S', 0, REAL(fsync)(fd)); }
int fdatasync(int fd) { ON_FILE(SYNC, 'S', 0, REAL(fdatasync)(fd)); }
int ftruncate(int fd, off_t length) { ON_FILE(SIZE, 'T', length, REAL(ftruncate)(fd, length)); }
int ftruncate64(int fd, off64_t length) { ON_FILE(SIZE, 'T', length, REAL(ftruncate64)(fd, length)); }

/* These return the error instead of setting errno, and make a file longer, never shorter. */
#define RESERVING(call)                                                                                    \
    const char *path = path_of(fd);                                                                        \
    if (!path)                                                                                             \
        return call;                                                                                       \
    pthread_mutex_lock(&lock);                                                                             \
    int result = fails(SIZE) ? code : (call);                                                              \
    if (!result)                                                                                           \
        tell('G', path, where + length, NULL, 0);                                                          \
    pthread_mutex_unlock(&lock);                                                                           \
    return result

int posix_fallocate(int fd, off_t where, off_t length) { RESERVING(REAL(posix_fallocate)(fd, where, length)); }
int posix_fallocate64(int fd, off64_t where, off64_t length) { RESERVING(REAL(posix_fallocate64)(fd, where, length)); }

#define ON_NAME(op, onto, length, call)                                                                    \
    if (!below(path))                                                                                      \
        return call;                                                                                       \
    GUARDED(int, path, NAME, op, 0, onto, length, call)

int unlink(const char *path) { ON_NAME('U', NULL, 0, REAL(unlink)(path)); }
int unlinkat(int folder, const char *path, int flags) { ON_NAME('U', NULL, 0, REAL(unlinkat)(folder, path, flags)); }
int mkdir(const char *path, mode_t mode) { ON_NAME('M', NULL, 0, REAL(mkdir)(path, mode)); }
int rename(const char *path, const char *onto) { ON_NAME('R', onto, strlen(onto), REAL(rename)(path, onto)); }
int link(const char *path, const char *onto) { ON_NAME('L', onto, strlen(onto), REAL(link)(path, onto)); }
