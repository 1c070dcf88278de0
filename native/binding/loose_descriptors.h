// Descriptors that JS got from our system calls (accept, pair, pipe, listenFd, connectFd) and has
// not given back through them. A worker that is terminated cannot close its own; the cleanup of its
// environment does.
//
// One table for the process, because a descriptor may be opened by one isolate and used by another:
// whoever watches it last owns it. Code outside of Heddle may close one without our hearing of it,
// and the system may give its number away again; so the table remembers what each number stood for
// and leaves others alone.
//
// Thread rule: any thread.
#pragma once

namespace heddle::binding {

class Environment;

// Notes a descriptor that was opened for `owner`. Passes `fd` on; a negative one is an error and is
// not noted. Without memory for the note it is closed: ENOMEM.
int noteDescriptor(Environment* owner, int fd);
// `owner` watches it from now on. Does nothing for descriptors that are not ours.
void handDescriptorTo(Environment* owner, int fd);
// It is closed, or belongs to a connection.
void forgetDescriptor(int fd);
// Closes what is left of an isolate that ends.
void closeDescriptorsOf(const Environment* owner);

}  // namespace heddle::binding
