# The addon: sources, flags, conditions. Included by binding.gyp in a checkout and by the gyp file that
# scripts/source-build.mjs writes; heddle_root is the way from the including file to the package.
{
  'variables': {
    'heddle_werror%': 0,
    # Folders of the core and the binding; native/test is not part of the addon. A poller is chosen below.
    'heddle_sources': [
      '<!@(node -p "[\'base\',\'sys\',\'mem\',\'shared\',\'coro\',\'loop\',\'net\',\'aco\',\'job\',\'module\',\'binding\'].flatMap(d=>require(\'fs\').readdirSync(\'<(heddle_root)/native/\'+d).filter(f=>f.endsWith(\'.cc\')&&!f.startsWith(\'poller_\')).sort().map(f=>\'<(heddle_root)/native/\'+d+\'/\'+f)).join(\' \')")',
    ],
    # On the quote path only: sys/socket.h must not stand in the way of <sys/socket.h>.
    'heddle_native': '<!(node -p "require(\'path\').resolve(\'<(heddle_root)/native\')")',
  },
  'targets': [{
    'target_name': 'heddle',
    'sources': ['<@(heddle_sources)'],
    # The C interface alone: nothing of node-addon-api is used.
    'defines': ['NAPI_VERSION=9'],
    # Node's own configuration sets another standard and turns some warnings off again.
    'cflags_cc!': ['-std=gnu++17', '-std=gnu++20', '-fexceptions', '-frtti', '-O2'],
    'cflags!': ['-O2', '-fno-omit-frame-pointer'],
    'cflags_cc': [
      '-std=c++20', '-O3', '-fvisibility=hidden', '-fvisibility-inlines-hidden',
      '-iquote', '<(heddle_native)', '-fno-exceptions', '-fno-rtti', '-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra',
    ],
    'conditions': [
      ['heddle_werror==1', { 'cflags_cc': ['-Wconversion', '-Wsign-conversion', '-Wshadow', '-Werror'] }],
      ['OS=="linux"', {
        'sources': ['<(heddle_root)/native/sys/poller_epoll.cc'],
        'ldflags': ['-Wl,--gc-sections', '-Wl,--as-needed', '-s'],
        'libraries': ['-pthread'],
      }],
      ['OS in "mac freebsd openbsd netbsd"', {
        'sources': ['<(heddle_root)/native/sys/poller_kqueue.cc'],
      }],
      ['OS=="mac"', {
        'xcode_settings': {
          'CLANG_CXX_LANGUAGE_STANDARD': 'c++20',
          'GCC_ENABLE_CPP_EXCEPTIONS': 'NO',
          'GCC_ENABLE_CPP_RTTI': 'NO',
          'GCC_OPTIMIZATION_LEVEL': '3',
          'GCC_SYMBOLS_PRIVATE_EXTERN': 'YES',
          'MACOSX_DEPLOYMENT_TARGET': '11.0',
          'OTHER_CPLUSPLUSFLAGS': ['-iquote', '<(heddle_native)'],
        },
      }],
    ],
  }],
}
