# espalier_add_plugin(NAME SOURCES file... [TORCH] [NO_INSTALL])
#
# Builds a plugin library. In Espalier's own tree it lands where the program looks; elsewhere in the project's build folder,
# to be found by `--plugin-path` or $ESPALIER_PLUGIN_PATH. Installed to Espalier's own prefix it is found without either.
# With TORCH the ABI mark carries the LibTorch version. With NO_INSTALL it is for use from the build folder only.
include(GNUInstallDirs)

function(espalier_add_plugin name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "TORCH;NO_INSTALL" "" "SOURCES")
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "espalier_add_plugin(${name}): no SOURCES given")
  endif()
  set(target espalier_plugin_${name})
  add_library(${target} MODULE ${arg_SOURCES})
  set_target_properties(
    ${target}
    PROPERTIES PREFIX ""
               OUTPUT_NAME ${name}
               CXX_STANDARD 20
               CXX_STANDARD_REQUIRED ON
               CXX_EXTENSIONS OFF
               CXX_VISIBILITY_PRESET hidden
               VISIBILITY_INLINES_HIDDEN ON
               INSTALL_RPATH "$ORIGIN/../..")
  if(NOT arg_NO_INSTALL)
    install(TARGETS ${target} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/espalier/plugins)
  endif()
  target_link_libraries(${target} PRIVATE espalier::espalier)
  target_link_options(${target} PRIVATE LINKER:-z,defs) # a forgotten source is an error here and not when the plugin is loaded
  if(arg_TORCH)
    if(NOT TARGET espalier::torch)
      message(FATAL_ERROR "espalier_add_plugin(${name} TORCH): there is no LibTorch bridge; write find_package(espalier "
                          "COMPONENTS torch), and install LibTorch or set Torch_DIR")
    endif()
    target_compile_definitions(${target} PRIVATE ESPALIER_USES_TORCH)
    target_link_libraries(${target} PRIVATE espalier::torch)
    get_property(pools GLOBAL PROPERTY JOB_POOLS)
    if(pools MATCHES "torch=")
      set_target_properties(${target} PROPERTIES JOB_POOL_COMPILE torch)
    endif()
  endif()
  if(DEFINED ESPALIER_PLUGIN_OUTPUT_DIR)
    set_target_properties(${target} PROPERTIES LIBRARY_OUTPUT_DIRECTORY ${ESPALIER_PLUGIN_OUTPUT_DIR})
  endif()
  if(TARGET espalier_flags)
    target_link_libraries(${target} PRIVATE espalier_flags)
  endif()
endfunction()
