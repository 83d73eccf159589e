include(CMakeParseArguments)

# The command that starts N ranks of a test; a site sets it once for the whole suite, e.g. to "srun;--mpi=pmix;-n".
set(GYRUS_TEST_LAUNCHER "${MPIEXEC_EXECUTABLE};${MPIEXEC_NUMPROC_FLAG}" CACHE STRING
    "Command that starts the ranks of a test; the number of ranks is appended")
# Tests run as root in containers and with more ranks than cores.
set(GYRUS_TEST_ENVIRONMENT
  OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
  OMPI_MCA_hwloc_base_binding_policy=none OMPI_MCA_plm_rsh_agent=
  OMPI_MCA_btl_vader_single_copy_mechanism=none OMP_NUM_THREADS=1)

# gyrus_test(NAME SOURCES ... LIBRARIES ... [RANKS 1 2 4] [LABELS real_data slow] [TIMEOUT seconds] [CASES_FROM_FILES])
#
# Without RANKS: one ctest entry per GoogleTest case, label `unit` beside LABELS. With RANKS: one entry per rank count,
# named NAME.npN with label `mpiN`; the test's main (tests/support/mpi_main.cpp) makes ranks agree on each verdict.
# CASES_FROM_FILES: cases depend on a folder that the environment names, so they are listed when ctest runs.
function(gyrus_test name)
  cmake_parse_arguments(arg "CASES_FROM_FILES" "TIMEOUT" "SOURCES;LIBRARIES;RANKS;LABELS" ${ARGN})
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} gyrus_source_dir gyrus::warnings GTest::gtest GTest::gmock)
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR})
  if(GYRUS_TEST_PRECOMPILED)
    target_precompile_headers(${name} REUSE_FROM ${GYRUS_TEST_PRECOMPILED})
  endif()
  if(NOT arg_RANKS)
    target_link_libraries(${name} PRIVATE GTest::gtest_main)
    if(NOT arg_LABELS)
      set(arg_LABELS unit)
    endif()
    set(discovery POST_BUILD)
    if(arg_CASES_FROM_FILES)
      set(discovery PRE_TEST)
    endif()
    gtest_discover_tests(${name} DISCOVERY_MODE ${discovery} DISCOVERY_TIMEOUT 60)
    # Properties that are lists do not survive the way through gtest_discover_tests: ctest reads them from a file of ours.
    set(properties ${CMAKE_CURRENT_BINARY_DIR}/${name}_properties.cmake)
    file(WRITE ${properties} "foreach(test IN LISTS ${name}_TESTS)
  set_tests_properties(\"\${test}\" PROPERTIES LABELS \"${arg_LABELS}\" TIMEOUT ${arg_TIMEOUT}
    ENVIRONMENT \"${GYRUS_TEST_ENVIRONMENT}\")
endforeach()
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${properties})
    return()
  endif()
  target_sources(${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests/support/mpi_main.cpp)
  foreach(ranks IN LISTS arg_RANKS)
    add_test(NAME ${name}.np${ranks} COMMAND ${GYRUS_TEST_LAUNCHER} ${ranks} $<TARGET_FILE:${name}>)
    set_tests_properties(${name}.np${ranks} PROPERTIES LABELS "mpi${ranks};${arg_LABELS}" PROCESSORS ${ranks}
      TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${GYRUS_TEST_ENVIRONMENT}" SKIP_REGULAR_EXPRESSION "\\[ *SKIPPED *\\]")
  endforeach()
endfunction()
include(GoogleTest)
