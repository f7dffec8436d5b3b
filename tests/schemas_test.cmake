# The schema and the reference in schemas/ are what the built plugins say now. `cmake --build build --target schemas` writes them.
#   cmake -DPROGRAM=... -DSCHEMAS=... -P schemas_test.cmake
unset(ENV{ESPALIER_PLUGIN_PATH})

function(compare file)
  execute_process(COMMAND ${PROGRAM} ${ARGN} OUTPUT_VARIABLE now COMMAND_ERROR_IS_FATAL ANY)
  file(READ ${SCHEMAS}/${file} committed)
  if(NOT now STREQUAL committed)
    message(SEND_ERROR "schemas/${file} is not what the plugins say now; write it with: cmake --build build --target schemas")
  endif()
endfunction()

compare(pipeline.schema.json schema)
compare(stages.md list --markdown)
