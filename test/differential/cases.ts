import type { Verdict } from './grammar'

/** Bytes of one connection (latin1) and what a server must make of them. */
export interface Case {
  name: string
  bytes: string
  verdict: Verdict
  /** accept: requests delivered. Otherwise: requests delivered before the one that is refused. */
  requests: number
}

type Row = readonly [name: string, bytes: string, requests?: number]

const H = 'Host: a\r\n'
const END = '\r\n'
const NEXT = `GET /next HTTP/1.1\r\n${H}\r\n`

function line(first: string): string {
  return `${first}\r\n${H}\r\n`
}

/** A GET with these further lines. */
function get(lines: string): string {
  return `GET /first HTTP/1.1\r\n${H}${lines}\r\n`
}

/** A POST with these further lines and body. */
function post(lines: string, body = ''): string {
  return `POST /first HTTP/1.1\r\n${H}${lines}\r\n${body}`
}

function chunked(body: string, lines = ''): string {
  return post(`Transfer-Encoding: chunked\r\n${lines}`, body)
}

const many = (count: number): string =>
  Array.from({ length: count }, (_, index) => `X-${index}: ${index}\r\n`).join('')

const accepted: Row[] = [
  ['GET', line('GET / HTTP/1.1')],
  ['HEAD', line('HEAD / HTTP/1.1')],
  ['DELETE', line('DELETE /a HTTP/1.1')],
  ['OPTIONS with a path', line('OPTIONS /a HTTP/1.1')],
  ['PUT without a body', line('PUT /a HTTP/1.1')],
  ['PATCH of length 0', `PATCH /a HTTP/1.1\r\n${H}Content-Length: 0\r\n\r\n`],
  ['POST without a length', line('POST /a HTTP/1.1')],
  ['query', line('GET /a?b=c&d=e%20f HTTP/1.1')],
  ['percent escapes', line('GET /%41%2f%C3%A4 HTTP/1.1')],
  ['double slash', line('GET //a//b HTTP/1.1')],
  ['dot segments', line('GET /a/../b/./c HTTP/1.1')],
  ['sub-delimiters in the path', line("GET /!$&'()*+,;=:@ HTTP/1.1")],
  ['question marks in the query', line('GET /a?b?c/d HTTP/1.1')],
  ['target of 4000 bytes', line(`GET /${'t'.repeat(4000)} HTTP/1.1`)],
  ['absolute form', line('GET http://a/b?c HTTP/1.1')],
  ['absolute form without a path', line('GET http://a HTTP/1.1')],
  ['absolute form with a port', line('GET http://a:8080/b HTTP/1.1')],
  ['HTTP/1.0', 'GET / HTTP/1.0\r\n\r\n'],
  ['HTTP/1.0 with Host', line('GET / HTTP/1.0')],
  ['HTTP/1.0 with a body', 'POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello'],
  ['HTTP/1.0 ends the connection', `GET / HTTP/1.0\r\n\r\n${NEXT}`, 1],
  ['HTTP/1.0 kept alive', `GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n${NEXT}`, 2],
  ['empty line before the request', `\r\n${NEXT}`],
  ['empty line between requests', `${NEXT}\r\n${NEXT}`, 2],
  ['Host with a port', 'GET / HTTP/1.1\r\nHost: a.b-c.d:8080\r\n\r\n'],
  ['Host of an IPv4 address', 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'],
  ['Host of an IPv6 address', 'GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n'],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n'],
  ['Host in capitals', 'GET / HTTP/1.1\r\nHOST: A\r\n\r\n'],
  ['Host with an underscore', 'GET / HTTP/1.1\r\nHost: a_b\r\n\r\n'],
  ['Host with a percent escape', 'GET / HTTP/1.1\r\nHost: a%2db\r\n\r\n'],
  ['Host last', `GET / HTTP/1.1\r\nA: b\r\n${H}\r\n`],
  ['no blank behind the colon', get('A:b\r\n')],
  ['blanks around the value', get('A: \t b \t \r\n')],
  ['blanks within the value', get('A: b \t c\r\n')],
  ['empty value', get('A:\r\n')],
  ['value of blanks', get('A: \t \r\n')],
  ['colon in the value', get('A: b:c: d\r\n')],
  ['every mark a name may have', get("!#$%&'*+-.^_`|~09azAZ: b\r\n")],
  ['name of one letter', get('x: b\r\n')],
  ['name of 255 letters', get(`${'n'.repeat(255)}: b\r\n`)],
  ['value of 8000 bytes', get(`A: ${'v'.repeat(8000)}\r\n`)],
  ['obs-text in a value', get('A: \x80\xe4\xff\r\n')],
  ['quotes and brackets in a value', get('A: "b\\"<>[]{}()"\r\n')],
  ['repeated field', get('A: 1\r\nA: 2\r\na: 3\r\n')],
  ['repeated Cookie', get('Cookie: a=b\r\nCookie: c=d\r\n')],
  ['60 fields', get(many(60))],
  ['length 5', post('Content-Length: 5\r\n', 'hello')],
  ['length 0', post('Content-Length: 0\r\n')],
  ['length with leading zeros', post('Content-Length: 0005\r\n', 'hello')],
  ['length in blanks', post('Content-Length: \t5 \r\n', 'hello')],
  ['length in capitals', post('CONTENT-LENGTH: 5\r\n', 'hello')],
  ['length on GET', get('Content-Length: 5\r\n').concat('hello')],
  ['length on DELETE', `DELETE / HTTP/1.1\r\n${H}Content-Length: 5\r\n\r\nhello`],
  ['body of all bytes', post('Content-Length: 256\r\n', String.fromCharCode(...Array(256).keys()))],
  ['body that looks like a request', post(`Content-Length: ${NEXT.length}\r\n`, NEXT)],
  ['body of 20000 bytes', post('Content-Length: 20000\r\n', 'b'.repeat(20000))],
  ['request behind a body', post('Content-Length: 5\r\n', `hello${NEXT}`), 2],
  ['three requests', NEXT + NEXT + NEXT, 3],
  ['fifty requests', NEXT.repeat(50), 50],
  ['chunks', chunked('5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')],
  ['no chunks', chunked('0\r\n\r\n')],
  ['chunk sizes in both cases', chunked(`a\r\n${'x'.repeat(10)}\r\nA\r\n${'y'.repeat(10)}\r\n0\r\n\r\n`)],
  ['chunk size with leading zeros', chunked('0005\r\nhello\r\n000\r\n\r\n')],
  ['chunk extension', chunked('5;a=b\r\nhello\r\n0\r\n\r\n')],
  ['chunk extension without a value', chunked('5;a\r\nhello\r\n0;b\r\n\r\n')],
  ['chunk extension in quotes', chunked('5;a="b c"\r\nhello\r\n0\r\n\r\n')],
  ['line ends in a chunk', chunked('4\r\n\r\n\r\n\r\n0\r\n\r\n')],
  ['trailer', chunked('5\r\nhello\r\n0\r\nX-T: v\r\n\r\n')],
  ['trailers that would frame a body', chunked(`0\r\nContent-Length: 500\r\n\r\n${NEXT}`), 2],
  ['request behind chunks', chunked(`5\r\nhello\r\n0\r\n\r\n${NEXT}`), 2],
  ['chunk that looks like a request', chunked(`${NEXT.length.toString(16)}\r\n${NEXT}\r\n0\r\n\r\n`)],
  ['chunked in capitals', post('TRANSFER-ENCODING: CHUNKED\r\n', '0\r\n\r\n')],
  ['chunked in blanks', post('Transfer-Encoding:\t chunked \r\n', '0\r\n\r\n')],
  ['chunked on GET', get('Transfer-Encoding: chunked\r\n').concat(`1\r\nx\r\n0\r\n\r\n${NEXT}`), 2],
  ['close', `${get('Connection: close\r\n')}${NEXT}`, 1],
  ['close in capitals', `${get('Connection: CLOSE\r\n')}${NEXT}`, 1],
  ['close in a list', `${get('Connection: x, close\r\n')}${NEXT}`, 1],
  ['close in a list with empty elements', `${get('Connection: ,,close,\r\n')}${NEXT}`, 1],
  ['close in a second Connection', `${get('Connection: x\r\nConnection: close\r\n')}${NEXT}`, 1],
  ['keep-alive', `${get('Connection: keep-alive\r\n')}${NEXT}`, 2],
  ['an option that contains close', `${get('Connection: closed\r\n')}${NEXT}`, 2],
  ['TE', get('TE: trailers\r\nConnection: TE\r\n')],
  ['100-continue', post('Content-Length: 5\r\nExpect: 100-continue\r\n', 'hello')],
  ['100-Continue with chunks', chunked('5\r\nhello\r\n0\r\n\r\n', 'Expect: 100-Continue\r\n')],
  ['100-continue without a body', get('Expect: 100-continue\r\n')],
  ['Upgrade without Connection', get('Upgrade: websocket\r\n')],
  [
    'known fields all at once',
    get(
      'User-Agent: u\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nAccept-Language: en\r\n' +
        'Cookie: a=b\r\nReferer: http://x/\r\nOrigin: http://x\r\nAuthorization: Basic eDp5\r\nCache-Control: no-cache\r\n' +
        'If-None-Match: "x"\r\nRange: bytes=0-1\r\nVia: 1.1 x\r\nPragma: no-cache\r\nX-Request-Id: 1\r\n',
    ),
  ],
]

const mustRefuse: Row[] = [
  // RFC 9112 section 3.2
  ['no Host', 'GET / HTTP/1.1\r\n\r\n'],
  ['no Host, other fields', 'GET / HTTP/1.1\r\nA: b\r\n\r\n'],
  ['no Host on the second request', `${NEXT}GET / HTTP/1.1\r\n\r\n`, 1],
  ['two Hosts', get('Host: b\r\n')],
  ['two equal Hosts', get(H)],
  ['two Hosts, one empty', get('Host:\r\n')],
  ['Host with a blank', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n'],
  ['Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['Host with a user', 'GET / HTTP/1.1\r\nHost: u@a\r\n\r\n'],
  ['Host with a bad port', 'GET / HTTP/1.1\r\nHost: a:b\r\n\r\n'],
  ['Host with two ports', 'GET / HTTP/1.1\r\nHost: a:1:2\r\n\r\n'],
  ['Host with an open bracket', 'GET / HTTP/1.1\r\nHost: [::1\r\n\r\n'],
  ['Host with obs-text', 'GET / HTTP/1.1\r\nHost: \xe4\r\n\r\n'],
  ['Host with a list', 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['Host with a backslash', 'GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n'],
  ['Host with a broken escape', 'GET / HTTP/1.1\r\nHost: a%4\r\n\r\n'],
  // RFC 9112 section 5.1
  ['blank before the colon', get('A : b\r\n')],
  ['tab before the colon', get('A\t: b\r\n')],
  ['blank before the colon of Host', 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['blank before the colon of Transfer-Encoding', post('Transfer-Encoding : chunked\r\n', '0\r\n\r\n')],
  ['blank before the colon of Content-Length', post('Content-Length : 5\r\n', 'hello')],
  // RFC 9112 section 6.3
  ['empty length', post('Content-Length:\r\n')],
  ['length with a plus', post('Content-Length: +5\r\n', 'hello')],
  ['length with a minus', post('Content-Length: -5\r\n', 'hello')],
  ['hexadecimal length', post('Content-Length: 0x5\r\n', 'hello')],
  ['length with a letter', post('Content-Length: 5a\r\n', 'hello')],
  ['length with a point', post('Content-Length: 5.0\r\n', 'hello')],
  ['length in two words', post('Content-Length: 5 5\r\n', 'hello')],
  ['length in quotes', post('Content-Length: "5"\r\n', 'hello')],
  ['length of 2 to the 64', post('Content-Length: 18446744073709551616\r\n', 'hello')],
  ['length of 2 to the 64 and 5', post('Content-Length: 18446744073709551621\r\n', 'hello')],
  ['length of 40 digits', post(`Content-Length: ${'9'.repeat(40)}\r\n`, 'hello')],
  ['length of obs-text', post('Content-Length: \xb2\r\n', 'hello')],
  ['different lengths', post('Content-Length: 5\r\nContent-Length: 6\r\n', 'hello!')],
  ['different lengths in a list', post('Content-Length: 5, 6\r\n', 'hello!')],
  ['length with a bad element', post('Content-Length: 5, x\r\n', 'hello')],
  ['chunked, then gzip', post('Transfer-Encoding: chunked, gzip\r\n', '0\r\n\r\n')],
  ['gzip alone', post('Transfer-Encoding: gzip\r\n', '0\r\n\r\n')],
  ['identity', post('Transfer-Encoding: identity\r\n', '0\r\n\r\n')],
  ['xchunked', post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  ['chunkedx', post('Transfer-Encoding: chunkedx\r\n', '0\r\n\r\n')],
  [
    'chunked, then identity in another field',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
  ],
  // RFC 9112 section 7.1: the end of the body is not certain
  ['chunk size that is no number', chunked('x\r\nhello\r\n0\r\n\r\n')],
  ['no chunk size', chunked('\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with a minus', chunked('-5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with a plus', chunked('+5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with 0x', chunked('0x5\r\nhello\r\n0\r\n\r\n')],
  ['chunk size beyond 64 bits', chunked('10000000000000005\r\nhello\r\n0\r\n\r\n')],
  ['chunk longer than its size', chunked('4\r\nhello\r\n0\r\n\r\n')],
  ['chunk shorter than its size', chunked('6\r\nhello\r\n0\r\n\r\n')],
  ['chunk size with an underscore', chunked('0_5\r\nhello\r\n0\r\n\r\n')],
]

const mayRefuse: Row[] = [
  // Invalid: RFC 9112 section 3 says SHOULD answer 400.
  ['lower-case method', line('get / HTTP/1.1')],
  ['unknown method', line('FROB / HTTP/1.1')],
  ['no version', line('GET /')],
  ['no target', line('GET HTTP/1.1')],
  ['only a method', line('GET')],
  ['two blanks before the target', line('GET  / HTTP/1.1')],
  ['two blanks behind the target', line('GET /  HTTP/1.1')],
  ['blank behind the version', line('GET / HTTP/1.1 ')],
  ['blank before the method', line(' GET / HTTP/1.1')],
  ['tab behind the method', line('GET\t/ HTTP/1.1')],
  ['tab behind the target', line('GET /\tHTTP/1.1')],
  ['vertical tab behind the method', line('GET\x0b/ HTTP/1.1')],
  ['blank in the target', line('GET /a b HTTP/1.1')],
  ['control in the target', line('GET /\x01 HTTP/1.1')],
  ['NUL in the target', line('GET /\0 HTTP/1.1')],
  ['DEL in the target', line('GET /\x7f HTTP/1.1')],
  ['obs-text in the target', line('GET /\xe4 HTTP/1.1')],
  ['fragment in the target', line('GET /a#b HTTP/1.1')],
  ['target without a slash', line('GET a HTTP/1.1')],
  ['asterisk with GET', line('GET * HTTP/1.1')],
  ['asterisk with OPTIONS', line('OPTIONS * HTTP/1.1')],
  ['another scheme', line('GET ftp://a/ HTTP/1.1')],
  ['absolute form without a host', line('GET http:///a HTTP/1.1')],
  ['absolute form with a user', line('GET http://u@a/ HTTP/1.1')],
  ['CONNECT', line('CONNECT a:80 HTTP/1.1')],
  ['CONNECT with a path', line('CONNECT /a HTTP/1.1')],
  ['lower-case version', line('GET / http/1.1')],
  ['HTTP/1.2', line('GET / HTTP/1.2')],
  ['HTTP/1.9', line('GET / HTTP/1.9')],
  ['HTTP/0.9', line('GET / HTTP/0.9')],
  ['HTTP/2.0', line('GET / HTTP/2.0')],
  ['HTTP/3.0', line('GET / HTTP/3.0')],
  ['HTTP/1.10', line('GET / HTTP/1.10')],
  ['HTTP/11.1', line('GET / HTTP/11.1')],
  ['HTTP/1', line('GET / HTTP/1')],
  ['HTTP/01.1', line('GET / HTTP/01.1')],
  ['HTTPS/1.1', line('GET / HTTPS/1.1')],
  ['ICY', line('GET / ICY/1.1')],
  ['the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
  ['a TLS greeting', '\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03'],
  ['ten empty lines', `${'\r\n'.repeat(10)}${NEXT}`],
  ['bare LF before the request', `\n${NEXT}`],
  ['bare CR before the request', `\r${NEXT}`],
  // Line ends: RFC 9112 section 2.2.
  ['bare LF everywhere', 'GET / HTTP/1.1\nHost: a\n\n'],
  ['bare LF behind the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
  ['bare LF behind a field', get('A: b\nC: d\r\n')],
  ['bare LF at the end', `GET / HTTP/1.1\r\nHost: a\r\n\n`],
  ['bare CR behind a field', get('A: b\rC: d\r\n')],
  ['bare CR in a value', get('A: b\rc\r\n')],
  ['two CR behind a field', get('A: b\r\r\n')],
  ['LF CR', 'GET / HTTP/1.1\n\rHost: a\n\r\n\r'],
  // Fields.
  ['folded line', get('A: b\r\n c\r\n')],
  ['folded line with a tab', get('A: b\r\n\tc\r\n')],
  ['folded Transfer-Encoding', post('Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n')],
  ['folded Content-Length', post('Content-Length:\r\n 5\r\n', 'hello')],
  ['blank before the first field', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['blank line that is not empty', `GET / HTTP/1.1\r\n${H} \r\n\r\n`],
  ['empty name', get(': b\r\n')],
  ['no colon', get('A\r\n')],
  ['NUL in a name', get('A\0: b\r\n')],
  ['NUL in a value', get('A: b\0c\r\n')],
  ['control in a value', get('A: \x01\r\n')],
  ['escape in a value', get('A: \x1b[31m\r\n')],
  ['DEL in a value', get('A: \x7f\r\n')],
  ['obs-text in a name', get('\xe4: b\r\n')],
  ['blank in a name', get('A B: c\r\n')],
  ['slash in a name', get('A/B: c\r\n')],
  ['parenthesis in a name', get('A(B): c\r\n')],
  ['vertical tab in a name', get('A\x0b: c\r\n')],
  ['name of 300 letters', get(`${'n'.repeat(300)}: b\r\n`)],
  ['value of 20000 bytes', get(`A: ${'v'.repeat(20000)}\r\n`)],
  ['target of 20000 bytes', line(`GET /${'t'.repeat(20000)} HTTP/1.1`)],
  ['1500 fields', get(many(1500))],
  // Framing that the text leaves to the server, all known ways to smuggle.
  ['length and chunked', post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${NEXT}`)],
  [
    'chunked and length',
    post(`Transfer-Encoding: chunked\r\nContent-Length: ${NEXT.length + 5}\r\n`, `0\r\n\r\n${NEXT}`),
  ],
  ['length 0 and chunked', post('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['equal lengths', post('Content-Length: 5\r\nContent-Length: 5\r\n', 'hello')],
  ['equal lengths in a list', post('Content-Length: 5, 5\r\n', 'hello')],
  ['length of 2 to the 63', post('Content-Length: 9223372036854775808\r\n', 'hello')],
  ['chunked twice', post('Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n')],
  [
    'chunked in two fields',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ],
  ['gzip, then chunked', post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['empty Transfer-Encoding', post('Transfer-Encoding:\r\n', '0\r\n\r\n')],
  ['comma before chunked', post('Transfer-Encoding: ,chunked\r\n', '0\r\n\r\n')],
  ['comma behind chunked', post('Transfer-Encoding: chunked,\r\n', '0\r\n\r\n')],
  ['chunked with a parameter', post('Transfer-Encoding: chunked;a=b\r\n', '0\r\n\r\n')],
  ['chunked in quotes', post('Transfer-Encoding: "chunked"\r\n', '0\r\n\r\n')],
  ['chunked behind a vertical tab', post('Transfer-Encoding: \x0bchunked\r\n', '0\r\n\r\n')],
  ['chunked before a NUL', post('Transfer-Encoding: chunked\0\r\n', '0\r\n\r\n')],
  ['chunked behind a bare LF', post('A: b\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['chunked behind a bare CR', post('A: b\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  ['Transfer_Encoding', `${post('Transfer_Encoding: chunked\r\n')}${NEXT}`, 2],
  ['chunked in HTTP/1.0', 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['two Hosts in HTTP/1.0', 'GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n'],
  // Chunks.
  ['blank behind a chunk size', chunked('5 \r\nhello\r\n0\r\n\r\n')],
  ['blank before a chunk size', chunked(' 5\r\nhello\r\n0\r\n\r\n')],
  ['blanks before a chunk extension', chunked('5 ;a=b\r\nhello\r\n0\r\n\r\n')],
  ['bare LF behind a chunk size', chunked('5\nhello\r\n0\r\n\r\n')],
  ['bare LF behind a chunk', chunked('5\r\nhello\n0\r\n\r\n')],
  ['bare CR behind a chunk size', chunked('5\rhello\r\n0\r\n\r\n')],
  ['bare LF behind the last chunk', chunked('5\r\nhello\r\n0\n\n')],
  ['bare LF in a chunk extension', chunked('5;a\nhello\r\n0\r\n\r\n')],
  ['bare CR in a chunk extension', chunked('5;a\rb\r\nhello\r\n0\r\n\r\n')],
  ['control in a chunk extension', chunked('5;\x01\r\nhello\r\n0\r\n\r\n')],
  ['chunk extension of 40000 bytes', chunked(`5;${'e'.repeat(40000)}\r\nhello\r\n0\r\n\r\n`)],
  [
    'chunk extensions of 40000 bytes together',
    chunked(`${`1;${'e'.repeat(999)}\r\nx\r\n`.repeat(40)}0\r\n\r\n`),
  ],
  ['trailers of 40000 bytes', chunked(`0\r\nA: ${'t'.repeat(40000)}\r\n\r\n`)],
  ['trailer with a blank before the colon', chunked('0\r\nA : b\r\n\r\n')],
  ['folded trailer', chunked('0\r\nA: b\r\n c\r\n\r\n')],
  ['trailer without a colon', chunked('0\r\nA\r\n\r\n')],
  ['trailer without a name', chunked('0\r\n: b\r\n\r\n')],
  ['bare LF behind a trailer', chunked('0\r\nA: b\n\r\n')],
  // The rest.
  ['unknown expectation', post('Content-Length: 5\r\nExpect: 200-ok\r\n', 'hello')],
  ['upgrade', get('Upgrade: websocket\r\nConnection: upgrade\r\n')],
  ['upgrade to h2c', get('Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AA\r\n')],
  ['a body cut short', post('Content-Length: 10\r\n', 'hello')],
  ['a head cut short', `GET / HTTP/1.1\r\n${H}`],
  ['nothing but an empty line', END],
  ['garbage behind a request', `${NEXT}\x01\x02\x03`, 1],
  ['a second request that is refused', `${NEXT}${get('A : b\r\n')}${NEXT}`, 1],
]

function casesOf(verdict: Verdict, rows: readonly Row[], requests: number): Case[] {
  return rows.map(([name, bytes, count]) => ({ name, bytes, verdict, requests: count ?? requests }))
}

export const CASES: readonly Case[] = [
  ...casesOf('accept', accepted, 1),
  ...casesOf('must-refuse', mustRefuse, 0),
  ...casesOf('may-refuse', mayRefuse, 0),
]
