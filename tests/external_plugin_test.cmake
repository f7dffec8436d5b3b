# Installs this build, lets the installed program write a plugin, builds that against the installed package and runs its tests.
#   cmake -DBUILD_DIR=... -DWORK_DIR=... -DGENERATOR=... -DCOMPILER=... -P external_plugin_test.cmake
function(step what)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${what} failed (${result}):\n${out}")
  endif()
  message(STATUS "${what}: ok")
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
file(MAKE_DIRECTORY ${WORK_DIR})
set(ENV{XDG_CACHE_HOME} ${WORK_DIR}/cache)
unset(ENV{ESPALIER_PLUGIN_PATH})
unset(ENV{ESPALIER_STORE})

step(install ${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/prefix)
step("new plugin" ${WORK_DIR}/prefix/bin/espalier new plugin ${WORK_DIR}/acme)
step(configure ${CMAKE_COMMAND} -S ${WORK_DIR}/acme -B ${WORK_DIR}/acme/build -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${COMPILER}
     -DCMAKE_PREFIX_PATH=${WORK_DIR}/prefix)
step(build ${CMAKE_COMMAND} --build ${WORK_DIR}/acme/build)
step(test ${CMAKE_CTEST_COMMAND} --test-dir ${WORK_DIR}/acme/build --output-on-failure --no-tests=error)
step("install plugin" ${CMAKE_COMMAND} --install ${WORK_DIR}/acme/build --prefix ${WORK_DIR}/prefix)
step("list its stage" ${WORK_DIR}/prefix/bin/espalier list acme.bright)
file(REMOVE_RECURSE ${WORK_DIR})
