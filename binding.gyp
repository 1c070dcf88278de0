{
  'variables': { 'heddle_root': '.' },
  'includes': ['native/addon.gypi'],
}
