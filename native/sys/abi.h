#pragma once

// What of a processor's calling convention differs between systems.

// x18 of aarch64: a register like others on Linux and the BSDs, the system's own on macOS, where
// naming it is an error. As part of a list of clobbers.
#if defined(__APPLE__)
#define HEDDLE_PLATFORM_REGISTER
#else
#define HEDDLE_PLATFORM_REGISTER , "x18"
#endif

// The name that a C symbol has for the assembler, and how it is kept out of the library's face.
#if defined(__APPLE__)
#define HEDDLE_SYMBOL(name) "_" #name
#define HEDDLE_INTERNAL ".private_extern "
#else
#define HEDDLE_SYMBOL(name) #name
#define HEDDLE_INTERNAL ".hidden "
#endif
