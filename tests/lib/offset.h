/*
 * A file offset as syscall() takes it: on 32 bits in two halves. That is how
 * x86 has them; ARM and MIPS would have them begin at an even register.
 */
#ifndef TESTS_LIB_OFFSET_H
#define TESTS_LIB_OFFSET_H

#if __SIZEOF_LONG__ == 8
#define SYSCALL_OFFSET(at) (at)
#define SYSCALL_FTRUNCATE SYS_ftruncate
#else
#define SYSCALL_OFFSET(at) (long)(at), (long)((at) >> 32)
#define SYSCALL_FTRUNCATE SYS_ftruncate64
#endif

#endif
