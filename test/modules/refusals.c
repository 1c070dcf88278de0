/* A module that cannot be loaded, for a reason that the compiler's command line names. */
#include <errno.h>
#include <heddle/heddle.h>

void procedure(void *unused) { (void)unused; }

#ifndef NO_SYMBOL
int heddle_register(const struct heddle_api *api) {
#if defined(OTHER_VERSION)
  if (api->version != HEDDLE_API_VERSION + 1) return HEDDLE_VERSION_MISMATCH;
#elif defined(TAKEN_NAME)
  if (HEDDLE_FITS(api)) return api->register_procedure("naps", procedure);
#elif defined(FAILS_ONCE)
  static int calls;
  return ++calls == 1 ? -EBUSY : api->register_procedure("registered at last", procedure);
#endif
  return HEDDLE_FITS(api) ? 7 : -EINVAL;
}
#endif
