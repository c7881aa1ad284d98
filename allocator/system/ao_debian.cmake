# The modules behind `ao-debian` and `ao-debian-static`. The archives are named by their files: no directory of theirs is
# searched for headers.
find_library(AO_GPL_ARCHIVE libatomic_ops_gpl.a)
find_library(AO_ARCHIVE libatomic_ops.a)
set_source_files_properties(system/ao_debian.c PROPERTIES COMPILE_DEFINITIONS
    "AO_DEBIAN_MODULE=\"${CMAKE_CURRENT_BINARY_DIR}/ao_debian.so\";AO_DEBIAN_STATIC_MODULE=\"${CMAKE_CURRENT_BINARY_DIR}/ao_debian_static.so\"")
if(AO_GPL_ARCHIVE AND AO_ARCHIVE)
    foreach(module ao_debian ao_debian_static)
        add_library(${module} MODULE system/ao_debian_module.c)
        set_target_properties(${module} PROPERTIES PREFIX "")
        target_link_libraries(${module} PRIVATE ${AO_GPL_ARCHIVE} ${AO_ARCHIVE})
        target_link_options(${module} PRIVATE -Wl,-Bsymbolic)
        add_dependencies(allocators ${module})
    endforeach()
    target_compile_definitions(ao_debian_static PRIVATE WITHOUT_MMAP)
else()
    message(STATUS "ao-debian is left out: libatomic_ops_gpl.a is not here (Debian package libatomic-ops-dev)")
endif()
