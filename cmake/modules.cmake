# A static library per module: penstock_module(<name> <folder> <modules it may include>...). Sources are all .cpp files of
# the folder; include roots are the repository and src/.
add_library(penstock_options INTERFACE)
target_compile_features(penstock_options INTERFACE cxx_std_20)
target_include_directories(penstock_options INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/src)
target_compile_definitions(penstock_options INTERFACE SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL BOOST_ASIO_NO_DEPRECATED)
target_compile_options(penstock_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wold-style-cast -Wnon-virtual-dtor -Wimplicit-fallthrough
  $<$<BOOL:${PENSTOCK_WERROR}>:-Werror>)
if(PENSTOCK_SANITIZE)  # whatever is found ends the program, undefined behaviour too; the standard library checks its callers
  target_compile_options(penstock_options INTERFACE -fsanitize=${PENSTOCK_SANITIZE} -fno-sanitize-recover=all
    -fno-omit-frame-pointer -Wno-maybe-uninitialized $<$<CXX_COMPILER_ID:GNU>:-Wno-tsan>)
  target_compile_definitions(penstock_options INTERFACE _GLIBCXX_ASSERTIONS PENSTOCK_SANITIZED)
  target_link_options(penstock_options INTERFACE -fsanitize=${PENSTOCK_SANITIZE})
endif()
if(CMAKE_INTERPROCEDURAL_OPTIMIZATION AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Linking with -O3, GCC 12 takes {fmt}'s format specifications for overflows; compiling our files still warns of both.
  target_link_options(penstock_options INTERFACE -Wno-stringop-overflow -Wno-array-bounds)
endif()
find_program(PENSTOCK_MOLD mold)
if(PENSTOCK_MOLD)
  target_link_options(penstock_options INTERFACE -fuse-ld=mold)
endif()

function(penstock_module name folder)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.cpp)
  if(NOT sources)  # a module of headers only
    file(WRITE ${PROJECT_BINARY_DIR}/empty_${name}.cpp "")
    set(sources ${PROJECT_BINARY_DIR}/empty_${name}.cpp)
  endif()
  add_library(penstock_${name} STATIC ${sources})
  add_library(penstock::${name} ALIAS penstock_${name})
  target_link_libraries(penstock_${name} PUBLIC penstock_options)
  foreach(module IN LISTS ARGN)
    target_link_libraries(penstock_${name} PUBLIC penstock::${module})
  endforeach()
endfunction()

# One test program per module: every .cpp of tests/unit/<name>, linked with the module and GoogleTest.
function(penstock_unit_tests name)
  file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/unit/${name}/*_test.cpp)
  if(NOT sources)
    return()
  endif()
  add_executable(${name}_test ${sources})
  target_link_libraries(${name}_test PRIVATE penstock_options GTest::gtest_main)
  foreach(module IN LISTS ARGN)
    target_link_libraries(${name}_test PRIVATE penstock::${module})
  endforeach()
  gtest_discover_tests(${name}_test TEST_PREFIX "${name}." DISCOVERY_TIMEOUT 60)
endfunction()
