# Warnings, sanitizers and the compiler cache; targets take them through `gyrus::warnings`.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
# Our own checks (`require`) stay in every build; assert() of libraries goes with NDEBUG.
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")

add_library(gyrus_warnings INTERFACE)
add_library(gyrus::warnings ALIAS gyrus_warnings)
target_compile_options(gyrus_warnings INTERFACE
  $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings -Xcompiler=-Wall,-Wextra>
  $<$<NOT:$<COMPILE_LANGUAGE:CUDA>>:-Wall -Wextra -Wshadow -Wnon-virtual-dtor -Werror>
  # Bogus in g++ 12 on appended strings and copied vectors.
  $<$<AND:$<NOT:$<COMPILE_LANGUAGE:CUDA>>,$<CXX_COMPILER_ID:GNU>>:-Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict>)

if(GYRUS_SANITIZER)
  add_compile_options(-fsanitize=${GYRUS_SANITIZER} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${GYRUS_SANITIZER})
  # g++ says so itself: with sanitizers it takes inlined library code for uninitialised.
  target_compile_options(gyrus_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endif()
if(GYRUS_LIBFUZZER)
  add_compile_options(-fsanitize=fuzzer-no-link)
  # Clang's opinion on names that g++ takes for distinct; the other presets have all warnings.
  target_compile_options(gyrus_warnings INTERFACE -Wno-error)
endif()

find_program(GYRUS_CCACHE ccache)
if(GYRUS_CCACHE)
  # ccache misses every file that uses a precompiled header unless it may ignore the header's defines and time.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${GYRUS_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
endif()
