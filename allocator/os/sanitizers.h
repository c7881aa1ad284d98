/* SPDX-License-Identifier: MIT
 *
 * Which sanitizer this is compiled for: UNDER_TSAN and UNDER_ASAN, each 0 or 1. gcc says it by a macro, clang by a feature.
 */
#ifndef OS_SANITIZERS_H
#define OS_SANITIZERS_H

#if defined(__SANITIZE_THREAD__)
#    define UNDER_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#    define UNDER_ASAN 1
#elif defined(__has_feature)
#    if __has_feature(thread_sanitizer)
#        define UNDER_TSAN 1
#    elif __has_feature(address_sanitizer)
#        define UNDER_ASAN 1
#    endif
#endif
#ifndef UNDER_TSAN
#    define UNDER_TSAN 0
#endif
#ifndef UNDER_ASAN
#    define UNDER_ASAN 0
#endif

#endif
