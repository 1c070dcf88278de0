/** What the HTTP contestants must do, said once, so that all of them do the same. */
export const HELLO = 'Hello, world!'
export const JSON_ANSWER = { message: 'Hello, world!' }

/** The `headers` variant reads these; their values are THREE_HEADERS_LENGTH characters together. */
export const THREE_HEADERS = {
  'User-Agent': 'bench/1.0 (keep-alive)',
  Accept: 'text/plain,*/*;q=0.8',
  'X-Request-Id': '0123456789abcdef012345',
}
export const THREE_HEADERS_LENGTH = 64

export const ECHO_BODY = 'heddle-bench-16.'.repeat(64)

/** Variant and protocol a contestant was started for: `node servers/x.mjs http hello`, `… tcp`. */
export const [protocol = 'http', variant = 'hello'] = process.argv.slice(2)
