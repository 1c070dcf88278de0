#include "shared/key.h"

#include "sys/random.h"

namespace heddle::shared {

constinit SipKey secrets[kKeyKinds] = {};

int drawSecrets() {
  if (secrets[0].first != 0) return 0;
  SipKey drawn[kKeyKinds];
  const int result = sys::randomBytes(drawn, sizeof(drawn));
  if (result < 0) return result;
  // Zero says "not drawn".
  drawn[0].first |= 1;
  std::memcpy(secrets, drawn, sizeof(drawn));
  return 0;
}

}  // namespace heddle::shared
