#pragma once
#pragma GCC system_header  // as the real one: a function that hides its structure is no news

// A stand-in for the system's <sys/event.h> where there is no kqueue: as much of it as the poller
// uses, with the layout and values of FreeBSD. kqueue.cc implements it with poll(2).

#include <time.h>

#include <cstdint>

struct kevent {
  uintptr_t ident;
  short filter;
  unsigned short flags;
  unsigned int fflags;
  int64_t data;
  void* udata;
};

#define EVFILT_READ (-1)
#define EVFILT_WRITE (-2)
#define EVFILT_USER (-11)
#define EVFILT_EXCEPT (-15)  // macOS and OpenBSD have it

#define EV_ADD 0x0001
#define EV_DELETE 0x0002
#define EV_ENABLE 0x0004
#define EV_CLEAR 0x0020
#define EV_EOF 0x8000

#define NOTE_OOB 0x00000002
#define NOTE_TRIGGER 0x01000000

#define EV_SET(event, i, f, fl, ff, d, u) \
  do {                                    \
    (event)->ident = (i);                 \
    (event)->filter = (f);                \
    (event)->flags = (fl);                \
    (event)->fflags = (ff);               \
    (event)->data = (d);                  \
    (event)->udata = (u);                 \
  } while (false)

int kqueue();
int kevent(int queue, const struct kevent* changes, int changeCount, struct kevent* events,
           int eventCount, const timespec* timeout);
